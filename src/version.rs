//! What this build calls itself.
/// Which build this is.
pub const BUILD_ID: &str = "dev";
