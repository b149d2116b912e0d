//! The links of a page.
//!
//! Does not know where they were found, nor what makes two of them the same.

/// A list of URLs, in page order. One text for all of them, since a page has dozens and each would be an allocation.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Links {
    text: String,
    ends: Vec<usize>,
}

impl Links {
    /// An empty list.
    pub const fn new() -> Self {
        Self { text: String::new(), ends: Vec::new() }
    }

    /// All of them in one text, with the place where each ends.
    pub fn of_parts(text: String, ends: Vec<usize>) -> Self {
        Self { text, ends }
    }

    /// Adds one.
    pub fn push(&mut self, url: &str) {
        self.text.push_str(url);
        self.ends.push(self.text.len());
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Links {
    fn from_iter<I: IntoIterator<Item = &'a str>>(urls: I) -> Self {
        let mut links = Self::new();
        urls.into_iter().for_each(|url| links.push(url));
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_in_order() {
        for urls in [&[][..], &["http://a/"], &["http://b/", "", "http://a/"]] {
            let links: Links = urls.iter().copied().collect();
            assert_eq!(links.iter().collect::<Vec<_>>(), urls);
            assert_eq!((links.len(), links.is_empty()), (urls.len(), urls.is_empty()));
        }
    }
}
