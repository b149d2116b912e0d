//! What a crawl speaks of: the target, its outcome, and the row that tells of it.
//!
//! Does not know how anything is fetched, sent between processes or written.

mod host;
mod links;
mod outcome;
mod request;
mod row;
mod target;

pub use host::{HostKey, without_root};
pub use links::Links;
pub use outcome::{Blame, FailureKind, Outcome, Truncated};
pub use request::{
    BodyKind, LineBody, LineRequest, MethodError, frames_body, is_field_name, is_field_value, is_repeatable,
    method_beside, method_token,
};
pub use row::{HttpVersion, Row, RowError, WarcPlace};
pub use target::{Brought, Line, RejectReason, Rejected, Target};
