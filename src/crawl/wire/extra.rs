//! What a line of a table has beside its URL, on its way to its row.
//!
//! Does not know how a table is read, nor what a row says of it.

use serde::{Deserialize, Serialize};

use crate::fetch::LineRequest;
use crate::model::Brought;

/// What a line of a table has beside its URL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::crawl) struct Extra {
    /// The columns that its row keeps, as a JSON object.
    pub(in crate::crawl) kept: Option<String>,
    /// What it asks in another way than the options.
    pub(in crate::crawl) request: Option<LineRequest>,
}

impl Extra {
    /// What it takes of memory, itself included.
    pub(in crate::crawl) fn n_bytes(&self) -> usize {
        size_of::<Self>()
            + self.kept.as_ref().map_or(0, String::capacity)
            + self.request.as_ref().map_or(0, LineRequest::n_bytes)
    }
}

impl From<Brought> for Extra {
    fn from(brought: Brought) -> Self {
        Self { kept: brought.kept, request: brought.request.map(LineRequest::from) }
    }
}
