//! Broken pages: whatever is cut, doubled and thrown together, the scanner and the tree agree.

use super::tests::{DOCUMENTS, difference};

/// What pages are broken with.
const PIECES: &[&str] = &[
    "<a href=/x1>",
    "</a>",
    "<area href='/x2'>",
    "<a href=\"x3\">t</a>",
    "<base href=/e/>",
    "<b>",
    "</b>",
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<span class='a b'>",
    "</span>",
    "<li>",
    "<ul>",
    "</ul>",
    "<h1>",
    "</h1>",
    "<br>",
    "</br>",
    "<table>",
    "</table>",
    "<tr>",
    "</tr>",
    "<td>",
    "</td>",
    "<caption>",
    "<col>",
    "<colgroup>",
    "<tbody>",
    "</tbody>",
    "<select>",
    "</select>",
    "<option>",
    "<optgroup>",
    "<input>",
    "<input type=hidden>",
    "<button>",
    "</button>",
    "<form>",
    "</form>",
    "<template>",
    "</template>",
    "<svg>",
    "</svg>",
    "<svg/>",
    "<g>",
    "</g>",
    "<path/>",
    "<math>",
    "</math>",
    "<mi>",
    "</mi>",
    "<mtext>",
    "<mglyph>",
    "<foreignObject>",
    "</foreignObject>",
    "<desc>",
    "</desc>",
    "<annotation-xml>",
    "<annotation-xml encoding='text/html'>",
    "</annotation-xml>",
    "<font>",
    "<font color=1>",
    "</font>",
    "<style>",
    "</style>",
    "<script>",
    "</script>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp>",
    "<iframe>",
    "</iframe>",
    "<noscript>",
    "</noscript>",
    "<noframes>",
    "</noframes>",
    "<noembed>",
    "<plaintext>",
    "<frameset>",
    "</frameset>",
    "<frame>",
    "<html>",
    "</html>",
    "<head>",
    "</head>",
    "<body>",
    "</body>",
    "<object>",
    "</object>",
    "<nobr>",
    "</nobr>",
    "<i>",
    "</i>",
    "<em x=1>",
    "</em>",
    "<hr>",
    "<pre>",
    "<img src=x>",
    "<dd>",
    "<dt>",
    "<dl>",
    "<ruby>",
    "<rt>",
    "<rtc>",
    "<x-y>",
    "</x-y>",
    "<image>",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE html>",
    "<!",
    "<?",
    "</",
    "<",
    ">",
    "'",
    "\"",
    "=",
    "/",
    "&",
    "&amp;",
    "&#0;",
    "\0",
    " ",
    "\n",
    "\r\n",
    "x",
    "\u{e9}",
    "\u{4e1c}",
    "\u{feff}",
    "<!--<script>",
    "href",
    "<a ",
    "<td><svg><desc>",
    "<b><p><svg>",
    "</ foo>",
    "<listing>",
    "<marquee>",
    "<dialog>",
    "<search>",
    "<selectedcontent>",
];

/// A sequence of numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(bound).expect("it is small")).expect("it is smaller")
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }

    /// A page of a few documents, broken in a few places.
    fn page(&mut self) -> String {
        let mut page = String::new();
        for _ in 0..=self.below(3) {
            page.push_str(self.pick(DOCUMENTS));
        }
        for _ in 0..=self.below(12) {
            let (start, end) = (self.place(&page), self.place(&page));
            let part = page[start.min(end)..start.max(end)].to_owned();
            let at = self.place(&page);
            match self.below(6) {
                0 if part.len() < 40 => page = page.replacen(&part, "", 1),
                1 if page.len() < 4000 => page.insert_str(at, &part),
                2 => page.truncate(page.floor_char_boundary(page.len() - self.below(page.len() / 8 + 1))),
                _ => page.insert_str(at, self.pick(PIECES)),
            }
        }
        page
    }

    /// Pieces alone.
    fn rubble(&mut self) -> String {
        (0..=self.below(24)).map(|_| self.pick(PIECES)).collect()
    }
}

#[test]
fn broken_pages_say_what_their_tree_says() {
    let mut dice = Dice(5);
    let pages = (0..1000).map(|_| dice.page()).collect::<Vec<_>>();
    let rubble = (0..4000).map(|_| dice.rubble()).collect::<Vec<_>>();
    for page in pages.iter().chain(&rubble) {
        if let Some(difference) = difference(page) {
            panic!("{page:?}: {difference}");
        }
    }
}
