//! What this build calls itself.
//!
//! A leaf: knows nothing of who asks.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Sixteen hexadecimal digits that stand for the sources of this build.
///
/// The processes of one run compare it in their handshake.
pub const BUILD_ID: &str = env!("MYRIAPOD_BUILD_ID");

/// The version with the build, as `--version` prints it after the name.
pub const VERSION_AND_BUILD: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (build ", env!("MYRIAPOD_BUILD_ID"), ")");

/// The `User-Agent` of a crawl that sets none: name, version, and where the project has a page, its address.
pub fn user_agent() -> String {
    let name = env!("CARGO_PKG_NAME");
    match env!("CARGO_PKG_REPOSITORY") {
        "" => format!("{name}/{VERSION}"),
        address => format!("{name}/{VERSION} (+{address})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_sixteen_hexadecimal_digits() {
        assert_eq!(BUILD_ID.len(), 16);
        assert!(BUILD_ID.bytes().all(|byte| byte.is_ascii_hexdigit()), "{BUILD_ID}");
        assert_eq!(VERSION_AND_BUILD, format!("{VERSION} (build {BUILD_ID})"));
    }

    #[test]
    fn the_user_agent_begins_with_name_and_version() {
        assert!(user_agent().starts_with(&format!("myriapod/{VERSION}")), "{}", user_agent());
        assert!(!user_agent().contains("()"), "{}", user_agent());
    }
}
