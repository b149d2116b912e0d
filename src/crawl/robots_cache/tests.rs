//! Askers and inquiries in time that stands still: it passes when all wait.

use std::collections::VecDeque;

use futures_util::future::join_all;

use super::*;
use crate::robots::Verdict;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long each fetch takes.
const FETCH: Duration = Duration::from_secs(1);

/// A server that gives these answers in turn, and then the last of them for ever.
#[derive(Clone)]
struct Server(Arc<Mutex<Script>>);

struct Script {
    answers: VecDeque<Asked>,
    n_fetches: usize,
}

impl Server {
    fn of(answers: &[Asked]) -> Self {
        Self(Arc::new(Mutex::new(Script { answers: answers.to_vec().into(), n_fetches: 0 })))
    }

    fn fetch(&self) -> impl Fn(Option<Chain>) -> BoxFuture<'static, Tried> + Send + 'static {
        let server = self.clone();
        move |_| {
            let server = server.clone();
            Box::pin(async move {
                tokio::time::sleep(FETCH).await;
                Ok(server.answer())
            })
        }
    }

    fn answer(&self) -> Asked {
        let mut script = self.0.lock().unwrap();
        script.n_fetches += 1;
        match script.answers.len() {
            1 => script.answers[0].clone(),
            _ => script.answers.pop_front().expect("there is an answer"),
        }
    }

    fn n_fetches(&self) -> usize {
        self.0.lock().unwrap().n_fetches
    }
}

fn cache() -> Arc<RobotsCache> {
    RobotsCache::new("bot".to_owned())
}

fn host(name: &str) -> HostKey {
    HostKey::from(format!("http://{name}").as_str())
}

/// The cost of so many requests, ten bytes each.
fn requests(requests: u32) -> Traffic {
    Traffic { requests, received: 10 * u64::from(requests) }
}

fn status(status: u16) -> Asked {
    let body = "user-agent: bot\ndisallow: /private".into();
    Asked { status: Some(status), body, traffic: requests(1), ..Asked::default() }
}

fn refused() -> Asked {
    let failure = Some((FailureKind::ConnectRefused, "nobody listens".to_owned()));
    Asked { failure, traffic: requests(1), ..Asked::default() }
}

fn is_rules(known: &Known) -> bool {
    match known {
        Known::Rules(rules) => matches!(rules.verdict("/private"), Verdict::Denied { .. }),
        _ => false,
    }
}

fn is_status_503(known: &Known) -> bool {
    *known == Known::Unreachable("no robots.txt in 3 tries: status 503".to_owned())
}

/// Asks as a line does that comes back when it is told to.
async fn ask(cache: &Arc<RobotsCache>, host: &HostKey, server: &Server) -> Known {
    loop {
        match cache.ask(host, server.fetch()).await {
            Known::AskedAgain(wait) => tokio::time::sleep(wait).await,
            known => return known,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_share_one_fetch_and_then_nobody_waits() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(200)]));
    let known = join_all((0..100).map(|_| cache.ask(&host, server.fetch()))).await;
    assert!(known.iter().all(is_rules));
    let later = cache.ask(&host, server.fetch()).now_or_never().expect("it is known");
    assert!(is_rules(&later));
    assert_eq!(server.n_fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_inquiry_outlives_who_caused_it() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(503), status(200)]));
    assert!(cache.ask(&host, server.fetch()).now_or_never().is_none());
    let second = Server::of(&[status(404)]);
    assert!(is_rules(&ask(&cache, &host, &second).await));
    assert_eq!((server.n_fetches(), second.n_fetches()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn hosts_do_not_wait_for_each_other() {
    let cache = cache();
    let never = |_| futures_util::future::pending().boxed();
    let (slow, quick) = (host("slow"), host("quick"));
    assert!(cache.ask(&slow, never).now_or_never().is_none());
    assert!(is_rules(&cache.ask(&quick, Server::of(&[status(200)]).fetch()).await));
    assert!(cache.ask(&slow, never).now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_tried_for_a_minute_and_then_left_alone_for_ten() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(503)]));
    let start = Instant::now();
    assert!(is_status_503(&ask(&cache, &host, &server).await));
    let seconds = start.elapsed().as_secs();
    assert!((48 + 3..=72 + 3).contains(&seconds), "{seconds} s");
    tokio::time::advance(9 * MINUTE).await;
    let known = cache.ask(&host, server.fetch()).now_or_never().expect("it is known");
    assert!(is_status_503(&known));
    assert_eq!(server.n_fetches(), 3);
    tokio::time::advance(MINUTE).await;
    assert!(is_status_503(&ask(&cache, &host, &server).await));
    assert_eq!(server.n_fetches(), 6);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_between_two_tries() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(503), status(200)]));
    let first = join_all((0..3).map(|_| cache.ask(&host, server.fetch()))).await;
    let Known::AskedAgain(wait) = first[0] else { panic!("{first:?}") };
    assert!((12..=18).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(first, vec![Known::AskedAgain(wait); 3]);
    tokio::time::advance(Duration::from_secs(5)).await;
    let later = cache.ask(&host, server.fetch()).now_or_never();
    assert_eq!(later, Some(Known::AskedAgain(wait - Duration::from_secs(5))));
    tokio::time::sleep(wait - Duration::from_secs(5) + FETCH / 2).await;
    // The second try is under way, so that it pays to wait.
    assert!(is_rules(&cache.ask(&host, server.fetch()).await));
    assert_eq!(server.n_fetches(), 2);
}

/// A redirect that leads to this URL.
fn chain_to(url: &str) -> Chain {
    Chain {
        url: url.to_owned(),
        redirects: 1,
        requests: 1,
        received: 0,
        status: 302,
        as_get: false,
        left_origin: true,
        authorization: None,
        cookies: Vec::new(),
        started: SystemTime::UNIX_EPOCH,
        spent: Duration::ZERO,
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_host_that_is_to_be_left_alone_and_the_inquiry_goes_on_where_it_was() {
    let (cache, host) = (cache(), host("a"));
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = steps.clone();
    let fetch = move |chain: Option<Chain>| {
        let mut seen = seen.lock().unwrap();
        let (chain, n_before) = (chain.map(|chain| chain.url), seen.len());
        seen.push(chain);
        let tried = match n_before {
            0 => Ok(status(503)),
            1 => Err(Postponed { wait: MINUTE, chain: None }),
            2 => Err(Postponed { wait: 2 * MINUTE, chain: Some(chain_to("http://b/rules")) }),
            _ => Ok(status(200)),
        };
        async move { tried }.boxed()
    };
    let told = async || match cache.ask(&host, fetch.clone()).await {
        Known::AskedAgain(wait) => wait,
        other => panic!("{other:?}"),
    };
    let moment = Duration::from_millis(2);
    tokio::time::sleep(told().await + moment).await;
    let wait = told().await;
    assert!((MINUTE - 2 * moment..=MINUTE).contains(&wait), "{wait:?}");
    tokio::time::sleep(MINUTE / 2).await;
    assert_eq!(told().await, wait - MINUTE / 2);
    tokio::time::sleep(MINUTE / 2).await;
    let wait = told().await;
    assert!((2 * MINUTE - 2 * moment..=2 * MINUTE).contains(&wait), "{wait:?}");
    tokio::time::sleep(wait + moment).await;
    assert!(is_rules(&cache.ask(&host, fetch.clone()).await));
    assert_eq!(*steps.lock().unwrap(), [None, None, None, Some("http://b/rules".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn rules_are_fetched_anew_after_a_day_and_stand_in_if_they_can_not_be() {
    let answers = [status(200), status(503), status(503), status(503), status(404)];
    let (cache, host, server) = (cache(), host("a"), Server::of(&answers));
    assert!(is_rules(&cache.ask(&host, server.fetch()).await));
    tokio::time::advance(DAY - FETCH).await;
    assert!(is_rules(&cache.ask(&host, server.fetch()).now_or_never().expect("it is known")));
    tokio::time::advance(FETCH).await;
    assert!(is_rules(&ask(&cache, &host, &server).await), "the older rules");
    assert_eq!(server.n_fetches(), 4);
    tokio::time::advance(10 * MINUTE).await;
    assert_eq!(cache.ask(&host, server.fetch()).await, Known::Rules(Arc::default()));
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_hear_that_a_host_fails_and_the_next_asks_again() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[refused(), status(200)]));
    let fails = Known::HostFails { kind: FailureKind::ConnectRefused, message: "nobody listens".to_owned() };
    let known = join_all((0..3).map(|_| cache.ask(&host, server.fetch()))).await;
    assert_eq!(known, [fails.clone(), fails.clone(), fails]);
    assert!(is_rules(&cache.ask(&host, server.fetch()).await));
    assert_eq!(server.n_fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn want_of_room_is_waited_out() {
    let mut answers = vec![Asked { exhausted: true, traffic: requests(0), ..refused() }; 50];
    answers.push(status(200));
    let (cache, server) = (cache(), Server::of(&answers));
    assert!(is_rules(&ask(&cache, &host("a"), &server).await));
    assert_eq!(server.n_fetches(), 51);
    assert_eq!(cache.take_traffic(), requests(1));
}

#[tokio::test(start_paused = true)]
async fn each_request_is_told_of_once() {
    let cache = cache();
    let hops = Asked { traffic: requests(4), ..status(200) };
    let server = Server::of(&[status(503), hops]);
    ask(&cache, &host("a"), &server).await;
    assert_eq!([cache.take_traffic(), cache.take_traffic()], [requests(5), requests(0)]);
    cache.ask(&host("a"), server.fetch()).await;
    assert_eq!(cache.take_traffic(), requests(0));
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_told_to_those_that_wait() {
    let (cache, host) = (cache(), host("a"));
    let fault = |_| async { panic!("a fault that is meant") }.boxed();
    let known = join_all((0..2).map(|_| cache.ask(&host, fault))).await;
    let is_fault = |known: &Known| matches!(known, Known::HostFails { kind: FailureKind::Internal, .. });
    assert!(known.iter().all(is_fault), "{known:?}");
    assert!(is_rules(&cache.ask(&host, Server::of(&[status(200)]).fetch()).await));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_closed_cache_and_nothing_of_it_runs_on() {
    let (cache, known, failing) = (cache(), host("known"), host("failing"));
    cache.ask(&known, Server::of(&[status(200)]).fetch()).await;
    let server = Server::of(&[status(503)]);
    let close = async {
        // The second wait, so that there is no fetch under way.
        tokio::time::sleep(30 * FETCH).await;
        cache.close();
    };
    let asked = join_all((0..3).map(|_| ask(&cache, &failing, &server)));
    assert_eq!(tokio::join!(asked, close).0, [Known::Leaving, Known::Leaving, Known::Leaving]);
    for host in [&known, &failing] {
        let later = cache.ask(host, server.fetch()).now_or_never().expect("nobody waits");
        assert_eq!(later, Known::Leaving);
    }
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(server.n_fetches(), 2);
    assert_eq!(Arc::strong_count(&cache), 1, "an inquiry holds the cache");
    assert_eq!(Arc::strong_count(&server.0), 1, "an inquiry holds its fetch");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_under_way_ends_when_the_cache_is_closed() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(200)]));
    let asked = cache.ask(&host, server.fetch());
    let close = async {
        tokio::time::sleep(FETCH / 2).await;
        cache.close();
    };
    assert_eq!(tokio::join!(asked, close).0, Known::Leaving);
    tokio::time::sleep(FETCH).await;
    assert_eq!((server.n_fetches(), Arc::strong_count(&server.0)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_try_when_the_cache_is_closed_is_told_of_that_and_not_of_the_try_before() {
    let (cache, host, server) = (cache(), host("a"), Server::of(&[status(503), status(200)]));
    let Known::AskedAgain(wait) = cache.ask(&host, server.fetch()).await else { panic!("it was answered") };
    tokio::time::sleep(wait + FETCH / 2).await;
    let close = async { cache.close() };
    let asked = cache.ask(&host, server.fetch());
    assert_eq!(tokio::join!(asked, close).0, Known::Leaving);
    assert_eq!(server.n_fetches(), 1, "the second was under way");
}
