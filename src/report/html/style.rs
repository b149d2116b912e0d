//! How the page looks, in a light and a dark room.
//!
//! Does not know what is on the page but by its classes.
//!
//! Invariant: text has a contrast of 4.5 to 1 at least with what it stands on, and what a chart draws has 3 to 1 (WCAG
//! 2.2, 1.4.3 and 1.4.11); a test computes it.

/// The colours by their names in the style sheet: for a light room, for a dark one.
const COLOURS: [(&str, &str, &str); 11] = [
    ("page", "#f4f6f8", "#0e1217"),
    ("card", "#ffffff", "#171d25"),
    ("track", "#e3e8ed", "#2a333e"),
    ("line", "#c9d1d9", "#3a4552"),
    ("text", "#16202a", "#e8eef4"),
    ("quiet", "#51606e", "#a3b1bf"),
    ("accent", "#0a58a8", "#7ab8ff"),
    ("ok", "#157a5b", "#41b88c"),
    ("http_error", "#8f5b00", "#e2ac45"),
    ("failed", "#c0262d", "#ff7f79"),
    ("skipped", "#66727e", "#8e9cab"),
];

const SHEET: &str = include_str!("style.css");

/// The style sheet.
pub(super) fn sheet() -> String {
    let of_room = |colour: fn(&(&str, &str, &str)) -> String| COLOURS.iter().map(colour).collect::<String>();
    let light = of_room(|(name, light, _)| format!("--{name}:{light};"));
    let dark = of_room(|(name, _, dark)| format!("--{name}:{dark};"));
    format!(":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}{SHEET}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn everything_can_be_told_from_what_it_stands_on() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 0.01);
        let of = |name: &str| COLOURS.iter().find(|(known, ..)| *known == name).unwrap();
        for (front, backs, least) in [
            ("text", &["page", "card", "track"][..], 4.5),
            ("quiet", &["page", "card"], 4.5),
            ("accent", &["page", "card"], 4.5),
            ("ok", &["card"], 4.5),
            ("http_error", &["card"], 4.5),
            ("failed", &["card"], 4.5),
            ("skipped", &["card"], 4.5),
        ] {
            for back in backs {
                let (_, light, dark) = of(front);
                let (_, light_back, dark_back) = of(back);
                let found = contrast(light, light_back).min(contrast(dark, dark_back));
                assert!(found >= least, "{front} on {back}: {found:.2}");
            }
        }
    }

    #[test]
    fn the_sheet_fetches_nothing_and_ends_nothing() {
        let sheet = sheet();
        for word in ["url(", "@import", "</", "http:", "https:"] {
            assert!(!sheet.contains(word), "{word}");
        }
    }
}
