//! The local test server: one address or several, pages that are good, slow, large or broken on purpose.
//!
//! Speaks HTTP/1.1 over the bare socket, because a page that misbehaves must be able to send what no HTTP
//! library would. Knows nothing of crawling: it shares no code with the client that it is there to test.
//!
//! Data flow: `server` accepts, `connection` reads and writes, `request` turns bytes into a request, `endpoint`
//! finds the page for it, `page` and `misbehaviour` decide what is sent. Only `connection` waits for time.
//! `local` is all of it on a thread of its own.

mod answer;
mod connection;
mod demo;
mod encoded;
mod endpoint;
mod local;
mod misbehaviour;
mod page;
mod prose;
mod request;
mod server;
mod stats;
#[cfg(test)]
mod testing;

pub use demo::demo_urls;
pub use endpoint::catalogue;
pub use local::LocalOrigin;
pub use server::{BindError, Origin, OriginOptions, bind};
pub use stats::Stats;
