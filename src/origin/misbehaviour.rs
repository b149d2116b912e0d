//! The endpoints that answer as no server should, and the playing of what no well-formed response can express.
//!
//! One table for each theme, each entry one line of it.
//! Does not know who suffers it, nor what a client should make of it.

mod bodies;
mod codings;
mod entry;
mod heads;
mod redirects;
mod timing;

use std::io;
use std::time::Duration;

use super::connection::Connection;
use super::endpoint::Endpoint;

/// What is done to the client instead of a response; the connection is closed after it.
#[derive(Debug)]
pub(super) enum Act {
    /// Send these bytes, which may be none.
    Say(&'static [u8]),
    /// Send the bytes that this writes.
    SayMade(fn(&mut Vec<u8>)),
    /// Send the first bytes, then some more, always the same, every so often.
    Trickle {
        /// Sent at once.
        opening: &'static [u8],
        /// Sent again and again.
        piece: &'static [u8],
        /// How often.
        every: Duration,
        /// How many times.
        times: u32,
    },
    /// Send the first bytes, then what this writes, over and over, until the client goes.
    Repeat {
        /// Sent at once.
        opening: &'static [u8],
        /// Writes what is repeated.
        write: fn(&mut Vec<u8>),
    },
    /// Send nothing until the client goes.
    Keep,
    /// Send a TCP reset.
    Reset,
}

/// The bad part of the catalogue.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    [heads::ENDPOINTS, bodies::ENDPOINTS, codings::ENDPOINTS, redirects::ENDPOINTS, timing::ENDPOINTS]
        .into_iter()
        .flatten()
}

/// Does to the client what the act says.
pub(super) async fn perform(act: &Act, connection: &mut Connection) -> io::Result<()> {
    let mut made = Vec::new();
    match act {
        Act::Say(bytes) => connection.send(bytes).await,
        Act::SayMade(write) => {
            write(&mut made);
            connection.send(&made).await
        }
        Act::Trickle { opening, piece, every, times } => {
            connection.send(opening).await?;
            for _ in 0..*times {
                connection.wait(*every).await?;
                connection.send(piece).await?;
            }
            Ok(())
        }
        Act::Repeat { opening, write } => {
            write(&mut made);
            connection.send(opening).await?;
            loop {
                connection.send(&made).await?;
            }
        }
        Act::Keep => connection.wait_until_gone().await,
        Act::Reset => connection.reset_when_dropped(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::{Handler, Route};
    use super::super::testing::{get_raw, start};
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_said_as_it_is_and_the_connection_closed() {
        let (address, stats) = start().await;
        for endpoint in endpoints() {
            let mut expected = Vec::new();
            match &endpoint.handler {
                Handler::Act(Act::Say(bytes)) => expected.extend_from_slice(bytes),
                Handler::Act(Act::SayMade(write)) => write(&mut expected),
                _ => continue,
            }
            assert!(get_raw(address, endpoint.name).await == expected, "{}", endpoint.name);
            assert_eq!(stats.requests_to(endpoint.name), Some(1), "{}", endpoint.name);
            if let Route::Either(_, second) = endpoint.route {
                assert!(get_raw(address, second).await == expected, "{second}");
                assert_eq!(stats.requests_to(endpoint.name), Some(2), "{second}");
            }
        }
    }
    #[test]
    fn a_second_path_is_found_by_reading_the_description() {
        for endpoint in endpoints() {
            if let Route::Either(_, second) = endpoint.route {
                assert!(endpoint.about.contains(second), "{}", endpoint.name);
            }
        }
    }
}
