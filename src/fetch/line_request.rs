//! What one line asks in another way than the options.
//!
//! Plain data; it is its own wire form. Does not know what the options say.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model;

/// What one line asks in another way than the options.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineRequest {
    /// The request method, a token in upper case.
    pub method: Option<String>,
    /// Header fields in place of those of the same name, in order, each valid; one without a value is not sent at all.
    pub headers: Vec<(String, Option<String>)>,
    /// The request body.
    pub body: Option<LineBody>,
}

/// The request body of one line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineBody {
    /// What is sent.
    pub bytes: Bytes,
    /// Whether it is JSON, and not the text of a form; said of it where no header field says what it is.
    pub is_json: bool,
}

impl LineRequest {
    /// The method, beside that of the options.
    pub fn method<'a>(&'a self, of_options: &'a str) -> &'a str {
        model::method_beside(of_options, self.method.as_deref(), self.body.is_some())
    }

    /// What it takes of memory beside itself.
    pub fn n_bytes(&self) -> usize {
        let field = |(name, value): &(String, Option<String>)| {
            size_of::<(String, Option<String>)>() + name.len() + value.as_ref().map_or(0, String::len)
        };
        let headers: usize = self.headers.iter().map(field).sum();
        headers
            + self.method.as_ref().map_or(0, String::len)
            + self.body.as_ref().map_or(0, |body| body.bytes.len())
    }
}

impl From<model::LineRequest> for LineRequest {
    fn from(request: model::LineRequest) -> Self {
        let body = request
            .body
            .map(|body| LineBody { bytes: body.bytes.into(), is_json: body.kind == model::BodyKind::Json });
        Self { method: request.method, headers: request.headers, body }
    }
}
