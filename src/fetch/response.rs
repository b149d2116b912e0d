//! A response, whichever of the two clients it came by.
//!
//! Does not know what is made of it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode, Version};

use super::direct::{DirectError, DirectResponse};

/// Why an exchange came to no end, in the words of the client that made it.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// Of the general one.
    Library(reqwest::Error),
    /// Of the one for plain HTTP.
    Direct(DirectError),
}

/// A response head; its body is read in pieces.
pub(super) enum Response {
    /// Of the general client.
    Library(Box<reqwest::Response>),
    /// Of the one for plain HTTP.
    Direct(Box<DirectResponse>),
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Library(response) => response.status(),
            Self::Direct(response) => response.head.status,
        }
    }

    pub(super) fn version(&self) -> Version {
        match self {
            Self::Library(response) => response.version(),
            Self::Direct(response) => response.head.version,
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Library(response) => response.headers(),
            Self::Direct(response) => &response.head.headers,
        }
    }

    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Library(response) => response.headers_mut(),
            Self::Direct(response) => &mut response.head.headers,
        }
    }

    pub(super) fn extensions(&self) -> &Extensions {
        match self {
            Self::Library(response) => response.extensions(),
            Self::Direct(response) => &response.head.extensions,
        }
    }

    pub(super) fn remote_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Library(response) => response.remote_addr(),
            Self::Direct(response) => response.remote_addr(),
        }
    }

    /// Bytes of the body that are still to come, where that was announced.
    pub(super) fn content_length(&self) -> Option<u64> {
        match self {
            Self::Library(response) => response.content_length(),
            Self::Direct(response) => response.announced(),
        }
    }

    /// The next piece of the body; `None` at its end. Cancelling loses nothing.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ExchangeError> {
        match self {
            Self::Library(response) => response.chunk().await.map_err(ExchangeError::Library),
            Self::Direct(response) => response.chunk().await.map_err(ExchangeError::Direct),
        }
    }
}
