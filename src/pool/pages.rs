//! The chapters of the handbook, which are written in `docs/` and read beside the items that they speak of.
//!
//! Knows no behaviour; what they claim is run with the tests of the documentation.

#[doc = include_str!("../../docs/pool.md")]
pub mod guide {}

#[doc = include_str!("../../docs/waiting.md")]
pub mod waiting {}

#[doc = include_str!("../../docs/coming-from-aiomultiprocess.md")]
pub mod coming_from_aiomultiprocess {}
