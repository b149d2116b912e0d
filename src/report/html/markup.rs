//! Text to HTML.
//!
//! Does not know what is written.
//!
//! Invariant: `raw` takes what stands in the source alone; whatever is made at run time goes through `text`, which leaves
//! nothing in it that has a meaning in HTML, in an attribute, or to the eye (see `escape_html`).

use std::fmt::{Display, Write};

use crate::text::escape_html;

/// HTML under construction.
#[derive(Default, Debug)]
pub(super) struct Markup {
    html: String,
}

impl Markup {
    /// Markup as it stands in the source.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.html.push_str(markup);
        self
    }

    /// Text, escaped so that it is nothing else, between tags or between the quotes of an attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.html.push_str(&escape_html(text));
        self
    }

    /// A style sheet of ours, which has no end of its element in it: a test of it holds that.
    pub(super) fn style(&mut self, sheet: &str) -> &mut Self {
        self.html.push_str(sheet);
        self
    }

    /// A number, or whatever else has a form as text.
    pub(super) fn show(&mut self, value: impl Display) -> &mut Self {
        let mut text = String::new();
        write!(text, "{value}").expect("a String takes any text");
        self.text(&text)
    }

    /// A cell that names the row of a table.
    pub(super) fn head_cell(&mut self, text: &str) -> &mut Self {
        self.raw("<th scope=\"row\">").text(text).raw("</th>")
    }

    /// A cell with a number.
    pub(super) fn number_cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td class=\"n\">").text(text).raw("</td>")
    }

    /// The beginning of a table, up to its first row. Wide ones can be moved within the page, with the keyboard too.
    pub(super) fn table(&mut self, caption: &str, columns: &[Column]) -> &mut Self {
        self.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").text(caption);
        self.raw("\"><table><caption>").text(caption).raw("</caption><thead><tr>");
        for column in columns {
            self.raw(match column {
                Column::Text(_) => "<th scope=\"col\">",
                Column::Number(_) => "<th scope=\"col\" class=\"n\">",
            });
            let (Column::Text(name) | Column::Number(name)) = column;
            self.text(name).raw("</th>");
        }
        self.raw("</tr></thead><tbody>")
    }

    /// The end of a table.
    pub(super) fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table></div>")
    }

    /// The beginning of a section. `id` is what the list of sections leads to.
    pub(super) fn section(&mut self, id: &'static str, title: &'static str) -> &mut Self {
        self.raw("<section id=\"").raw(id).raw("\" aria-labelledby=\"").raw(id).raw("-title\"><h2 id=\"");
        self.raw(id).raw("-title\">").raw(title).raw("</h2>")
    }

    /// The page so far.
    pub(super) fn into_html(self) -> String {
        self.html
    }
}

/// A column of a table.
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut markup = Markup::default();
        markup.text(text);
        markup.into_html()
    }

    #[test]
    fn text_is_never_markup() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("\" onload='x' `", "&quot; onload=&#39;x&#39; &#96;");
        check("&lt;", "&amp;lt;");
        check("a\0b\u{202e}c\u{2028}", "a\\u{0}b\\u{202e}c\\u{2028}");
    }

    proptest! {
        #[test]
        fn nothing_that_is_escaped_means_anything(text in any::<String>()) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'', '`', '\0', '\n', '\r']));
            let entities = ["amp;", "lt;", "gt;", "quot;", "#39;", "#96;"];
            for (at, _) in escaped.match_indices('&') {
                prop_assert!(entities.iter().any(|entity| escaped[at + 1..].starts_with(entity)));
            }
        }
    }
}
