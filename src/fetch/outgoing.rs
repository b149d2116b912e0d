//! The request of one hop, but for its URL: what the options and the line make of it, and what is left after a redirect.
//!
//! Does not send it, and does not know where it goes.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use hyper::ext::ReasonPhrase;
use url::Url;

use super::client::HttpClient;
use super::direct::{self, DirectError, Outbound};
use super::exchanged::Exchanged;
use super::purpose::Purpose;
use super::redirect::{Hop, Origin, Resend};
use super::response::Response;
use super::{Chain, LineRequest, headers};

/// The request of the current hop, but for its URL.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    pub(super) headers: Cow<'a, HeaderMap>,
    pub(super) body: Option<&'a Bytes>,
    /// The `Cookie` field, where there is more to send than the header fields hold.
    pub(super) cookie: Option<HeaderValue>,
    /// The `Authorization` that the options or the line give, sent for as long as the chain stays with its origin.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) as_get: bool,
    pub(super) left_origin: bool,
}

impl<'a> Outgoing<'a> {
    pub(super) fn of(client: &'a HttpClient, purpose: Purpose<'a>, chain: Option<&Chain>) -> Self {
        let (method, headers, body) = match purpose {
            Purpose::Page(None) => {
                (client.method.clone(), Cow::Borrowed(&client.headers), client.body.as_ref())
            }
            Purpose::Page(Some(line)) => of_line(client, line),
            Purpose::Robots(_) => (Method::GET, Cow::Borrowed(&client.robots_headers), None),
        };
        let authorization = headers.get(header::AUTHORIZATION).cloned();
        let (as_get, left_origin) = (false, false);
        let mut outgoing = Self { method, headers, body, cookie: None, authorization, as_get, left_origin };
        // The fields of robots.txt are the same for all origins.
        let Some(chain) = chain.filter(|_| purpose.is_page()) else { return outgoing };
        if chain.as_get {
            outgoing.become_get();
        }
        if chain.left_origin {
            outgoing.leave_origin();
        }
        let authorization = chain.authorization.as_deref().map(HeaderValue::from_bytes);
        if let Some(Ok(authorization)) = authorization {
            outgoing.headers.to_mut().insert(header::AUTHORIZATION, authorization);
        }
        outgoing
    }

    fn become_get(&mut self) {
        self.method = Method::GET;
        self.body = None;
        self.as_get = true;
        headers::strip_body(self.headers.to_mut());
    }

    fn leave_origin(&mut self) {
        self.left_origin = true;
        headers::strip_for_other_origin(self.headers.to_mut());
    }

    /// The `Authorization` that is sent, where these header fields are no longer those of the options.
    pub(super) fn own_authorization(&self) -> Option<Vec<u8>> {
        match &self.headers {
            Cow::Borrowed(_) => None,
            Cow::Owned(headers) => headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()),
        }
    }

    /// The request as the client for plain HTTP takes it.
    ///
    /// # Errors
    /// HTTP can not carry the URL.
    pub(super) fn direct_request(&self, url: &Url) -> Result<Box<Outbound>, DirectError> {
        let mut request = Box::new(Outbound::new(self.body.cloned().unwrap_or_default().into()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = direct::request_target(url)?;
        let mut headers = self.fields();
        if !headers.contains_key(header::HOST) {
            let server = HeaderValue::from_str(direct::server(url)).map_err(|_| DirectError::Url)?;
            headers.insert(header::HOST, server);
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn fields(&self) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, cookie.clone());
        }
        headers
    }

    /// The request as the general client takes it.
    pub(super) fn request(&self, url: &Url) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), url.clone());
        *request.headers_mut() = self.fields();
        if let Some(body) = self.body {
            *request.body_mut() = Some(body.clone().into());
        }
        request
    }

    pub(super) fn follow(&mut self, hop: &Hop) {
        if hop.resend == Resend::AsGet {
            self.become_get();
        }
        if hop.origin == Origin::Other {
            self.leave_origin();
        }
    }

    /// What is kept of the exchange for an archive.
    pub(super) fn exchanged(
        &self,
        url: &Url,
        is_by_proxy: bool,
        response: &Response,
        date: SystemTime,
    ) -> Exchanged {
        let reason = response.extensions().get::<ReasonPhrase>();
        Exchanged {
            date,
            url: url.clone(),
            method: self.method.clone(),
            is_by_proxy,
            request_headers: HeaderMap::clone(&self.headers),
            request_body: self.body.cloned(),
            reason: reason.map(|reason| Bytes::copy_from_slice(reason.as_bytes())),
            is_read: false,
            is_decoded: false,
        }
    }
}

/// The request of a line that is not quite that of the options.
fn of_line<'a>(
    client: &'a HttpClient,
    line: &'a LineRequest,
) -> (Method, Cow<'a, HeaderMap>, Option<&'a Bytes>) {
    let method = Method::from_bytes(line.method(client.method.as_str()).as_bytes());
    let method = method.expect("the method of a line was checked when it was read");
    let body = line.body.as_ref().map(|body| &body.bytes).or(client.body.as_ref());
    let mut headers = headers::of_line(&client.headers, &client.removed_headers, line);
    if !may_be_sent_twice(&method, body) {
        headers::ask_to_close(&mut headers, &client.removed_headers);
    }
    (method, Cow::Owned(headers), body)
}

/// Whether the server does nothing twice if it gets a request twice (RFC 9110 section 9.2.2).
pub(super) fn may_be_sent_twice(method: &Method, body: Option<&Bytes>) -> bool {
    body.is_none() && (*method == Method::GET || *method == Method::HEAD)
}
