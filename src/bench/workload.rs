//! The lists that are compared with, their pages, and what is asked of each page.
//!
//! Does not know how a crawl is run; the pages are those of the built-in origin.

/// The longest run of rows that is written to temporary space, with the one that it is compared with.
const MOST_SPACE: u64 = 2_000_000_000;

/// A list of pages of the built-in origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    /// Pages that take 3 s each, all of them asked for at once.
    Slow,
    /// Pages of 1 KiB.
    Small,
    /// Pages of about 20 KiB whose links are told.
    Page,
    /// The same pages with fields by CSS and XPath.
    Extract,
}

impl Workload {
    /// Every workload, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Slow, Self::Small, Self::Page, Self::Extract];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Small => "small",
            Self::Page => "page",
            Self::Extract => "extract",
        }
    }

    /// How many URLs it has if nothing is said.
    pub fn usual_urls(self) -> u32 {
        match self {
            Self::Slow => 100,
            Self::Small => 100_000,
            Self::Page => 20_000,
            Self::Extract => 5_000,
        }
    }

    /// The most URLs whose rows, twice, find room in the temporary space that is allowed.
    pub fn most_urls(self) -> u32 {
        u32::try_from(MOST_SPACE / (2 * self.row_bytes())).unwrap_or(u32::MAX)
    }

    /// What its pages are, in words.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Slow => "pages that take 3 s each",
            Self::Small => "pages of 1 KiB",
            Self::Page => "pages of about 20 KiB, with their links",
            Self::Extract => "pages of about 20 KiB, with fields by CSS and XPath",
        }
    }

    /// The path of one of its pages.
    pub(super) fn path(self, number: u32) -> String {
        match self {
            Self::Slow => format!("/slow?ms=3000&page={number}"),
            Self::Small => format!("/small/{number}"),
            Self::Page | Self::Extract => format!("/page/{number}"),
        }
    }

    /// Options of `crawl` that ask of each page what this is about.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Slow | Self::Small => &[],
            Self::Page => &["--links"],
            Self::Extract => &[
                "--extract",
                "heading=css:h1",
                "--extract",
                "links[]=css:section.entry a@href",
                "--extract",
                "names[]=xpath://tr[@class='item']/td[1]",
                "--extract",
                "prices[]=xpath://td[@class='price']/text()",
            ],
        }
    }

    /// Temporary space for so many URLs: two lists of rows and the list of URLs.
    pub(super) fn space(self, n_urls: u32) -> u64 {
        u64::from(n_urls) * 2 * self.row_bytes()
    }

    /// The length of a row and a half of its URL; measured, and rounded up.
    fn row_bytes(self) -> u64 {
        match self {
            Self::Slow | Self::Small => 600,
            Self::Page => 3_000,
            Self::Extract => 2_500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_path_of_its_own() {
        for workload in Workload::ALL {
            assert_ne!(workload.path(1), workload.path(2), "{workload:?}");
            assert!(workload.path(0).starts_with('/'));
        }
    }

    #[test]
    fn the_usual_list_fits_into_the_space_that_is_allowed() {
        for workload in Workload::ALL {
            assert!(workload.usual_urls() <= workload.most_urls(), "{workload:?}");
            assert!(workload.space(workload.most_urls()) <= MOST_SPACE);
        }
    }
}
