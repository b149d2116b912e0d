//! Charts as SVG: bars with their spread, and lines over a linear or a logarithmic axis.
//!
//! Does not know what is drawn. Colours are classes (`c0`, `c1` ...) that the page defines, so a chart is light or dark as
//! the page is; lines differ by their marks as well, for those who do not tell the colours apart.
//!
//! Invariant: all text is escaped here, and every chart has a name and a description for those who do not see it.

use std::fmt::Write;

use crate::text::escape_html;

/// The width of every chart, in units that are pixels on a phone.
const WIDTH: f64 = 400.0;

const ROW_HEIGHT: f64 = 46.0;
const BAR_HEIGHT: f64 = 18.0;
/// Room for the figure behind a bar.
const FIGURE_WIDTH: f64 = 84.0;

const PLOT_LEFT: f64 = 54.0;
const PLOT_RIGHT: f64 = 388.0;
const PLOT_TOP: f64 = 12.0;
const PLOT_BOTTOM: f64 = 218.0;
const PLOT_HEIGHT: f64 = 262.0;

/// Steps of an axis are at most so many.
const MOST_STEPS: f64 = 5.0;

/// What every chart has for those who do not see it.
pub(super) struct Words<'a> {
    /// Its name; unique in the page.
    pub(super) title: &'a str,
    /// What it shows, in a sentence.
    pub(super) about: &'a str,
}

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    /// The class of its colour.
    pub(super) class: usize,
    /// What it is made of, the first part in full colour.
    pub(super) parts: Vec<f64>,
    /// The ends of what was measured; `None` draws none.
    pub(super) spread: Option<(f64, f64)>,
    /// The figure in words.
    pub(super) figure: String,
}

/// One line.
pub(super) struct Line {
    pub(super) name: String,
    /// The class of its colour, and its mark.
    pub(super) class: usize,
    pub(super) points: Vec<Point>,
}

/// A point of a line.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Its figures in words: an axis may be of something else than what they are.
    pub(super) figures: String,
}

/// An axis: the places that are named on it, in order; the first and the last are its ends.
pub(super) struct Axis {
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) scale: Scale,
    pub(super) label: &'static str,
}

/// How values are spread over an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    Linear,
    Logarithmic,
}

/// Bars beside each other, with their names above them and their figures behind them.
pub(super) fn bars(words: &Words<'_>, bars: &[Bar]) -> String {
    let longest = |bar: &Bar| bar.spread.map_or(0.0, |(_, most)| most).max(bar.parts.iter().sum());
    let most = bars.iter().map(longest).fold(0.0, f64::max);
    let per_unit = if most > 0.0 { (WIDTH - FIGURE_WIDTH) / most } else { 0.0 };
    let mut svg = opening(words, ROW_HEIGHT * bars.len() as f64);
    for (position, bar) in bars.iter().enumerate() {
        let top = ROW_HEIGHT * position as f64;
        let (label, bar_top) = (escape_html(&bar.label), top + 20.0);
        put(&mut svg, format_args!("<text class=\"name\" x=\"0\" y=\"{:.1}\">{label}</text>", top + 14.0));
        let mut left = 0.0;
        for (part, value) in bar.parts.iter().enumerate() {
            let width = value * per_unit;
            let (class, faint) = (bar.class, if part == 0 { "" } else { " faint" });
            put(
                &mut svg,
                format_args!(
                    "<rect class=\"c{class}{faint}\" x=\"{left:.1}\" y=\"{bar_top:.1}\" width=\"{width:.1}\" \
                     height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
                ),
            );
            left += width;
        }
        let mut end = left;
        if let Some((least, most)) = bar.spread {
            let (from, to, middle) = (least * per_unit, most * per_unit, bar_top + BAR_HEIGHT / 2.0);
            let (above, below) = (middle - 4.0, middle + 4.0);
            put(
                &mut svg,
                format_args!(
                    "<path class=\"spread\" d=\"M{from:.1} {above:.1}V{below:.1}M{from:.1} {middle:.1}H{to:.1}\
                     M{to:.1} {above:.1}V{below:.1}\"/>"
                ),
            );
            end = end.max(to);
        }
        let (x, y, figure) = (end + 6.0, bar_top + BAR_HEIGHT - 5.0, escape_html(&bar.figure));
        put(&mut svg, format_args!("<text class=\"figure\" x=\"{x:.1}\" y=\"{y:.1}\">{figure}</text>"));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Lines over two axes, with a mark at every point and its figures for who points at it.
pub(super) fn lines(words: &Words<'_>, x: &Axis, y: &Axis, lines: &[Line]) -> String {
    let mut svg = opening(words, PLOT_HEIGHT);
    for (value, name) in &y.ticks {
        let at = PLOT_BOTTOM - y.place(*value) * (PLOT_BOTTOM - PLOT_TOP);
        let (label_y, name) = (at + 4.0, escape_html(name));
        put(&mut svg, format_args!("<path class=\"grid\" d=\"M{PLOT_LEFT} {at:.1}H{PLOT_RIGHT}\"/>"));
        put(
            &mut svg,
            format_args!(
                "<text class=\"tick end\" x=\"{:.1}\" y=\"{label_y:.1}\">{name}</text>",
                PLOT_LEFT - 6.0
            ),
        );
    }
    for (value, name) in &x.ticks {
        let at = PLOT_LEFT + x.place(*value) * (PLOT_RIGHT - PLOT_LEFT);
        let (from, to, name) = (PLOT_BOTTOM, PLOT_BOTTOM + 4.0, escape_html(name));
        put(&mut svg, format_args!("<path class=\"axis\" d=\"M{at:.1} {from}V{to}\"/>"));
        put(
            &mut svg,
            format_args!("<text class=\"tick middle\" x=\"{at:.1}\" y=\"{:.1}\">{name}</text>", to + 13.0),
        );
    }
    put(&mut svg, format_args!("<path class=\"axis\" d=\"M{PLOT_LEFT} {PLOT_BOTTOM}H{PLOT_RIGHT}\"/>"));
    let middle = f64::midpoint(PLOT_LEFT, PLOT_RIGHT);
    put(
        &mut svg,
        format_args!(
            "<text class=\"tick middle\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
            PLOT_HEIGHT - 6.0,
            escape_html(x.label)
        ),
    );
    lines.iter().for_each(|line| draw(&mut svg, line, x, y));
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, line: &Line, x: &Axis, y: &Axis) {
    let place = |point: &Point| {
        let left = PLOT_LEFT + x.place(point.x) * (PLOT_RIGHT - PLOT_LEFT);
        (left, PLOT_BOTTOM - y.place(point.y) * (PLOT_BOTTOM - PLOT_TOP))
    };
    let class = line.class;
    let path: Vec<String> = line
        .points
        .iter()
        .map(|point| {
            let (left, top) = place(point);
            format!("{left:.1} {top:.1}")
        })
        .collect();
    put(svg, format_args!("<path class=\"line c{class}\" d=\"M{}\"/>", path.join("L")));
    for point in &line.points {
        let (left, top) = place(point);
        let name = escape_html(&format!("{}: {}", line.name, point.figures));
        let shape = mark(class, left, top);
        put(svg, format_args!("<path class=\"mark c{class}\" d=\"{shape}\"><title>{name}</title></path>"));
    }
}

/// The mark of a class: a square, a triangle, a diamond, a cross or a lying bar.
pub(super) fn mark(class: usize, x: f64, y: f64) -> String {
    match class % 5 {
        0 => format!("M{:.1} {:.1}h7v7h-7z", x - 3.5, y - 3.5),
        1 => format!("M{x:.1} {:.1}l4.5 8h-9z", y - 5.0),
        2 => format!("M{x:.1} {:.1}l5 5l-5 5l-5 -5z", y - 5.0),
        3 => format!("M{:.1} {:.1}h3v-3h3v3h3v3h-3v3h-3v-3h-3z", x - 4.5, y - 1.5),
        _ => format!("M{:.1} {:.1}h10v4h-10z", x - 5.0, y - 2.0),
    }
}

impl Axis {
    /// From zero to what is at least the most, in round steps.
    pub(super) fn from_zero(most: f64, label: &'static str, name: impl Fn(f64) -> String) -> Self {
        let step = round_step(most);
        let n_steps = (most / step - 1e-9).ceil().max(1.0) as u32;
        let ticks = (0..=n_steps).map(|nth| f64::from(nth) * step);
        Self { ticks: ticks.map(|value| (value, name(value))).collect(), scale: Scale::Linear, label }
    }

    /// The powers of ten around the values; zero has no place here.
    pub(super) fn powers_of_ten(
        values: impl Iterator<Item = f64>,
        label: &'static str,
        name: impl Fn(f64) -> String,
    ) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            (low, high) = (low.min(value.log10().floor()), high.max(value.log10().ceil()));
        }
        let (low, high) =
            if low.is_finite() { (low as i32, (high as i32).max(low as i32 + 1)) } else { (0, 1) };
        let ticks = (low..=high).map(|power| 10_f64.powi(power));
        Self { ticks: ticks.map(|value| (value, name(value))).collect(), scale: Scale::Logarithmic, label }
    }

    /// Where a value is: 0 at the beginning, 1 at the end, and never outside.
    fn place(&self, value: f64) -> f64 {
        let of = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) else { return 0.0 };
        let (low, high) = (of(first.0), of(last.0));
        if high > low { ((of(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// 1, 2 or 5 times a power of ten, so that a few steps reach `most`.
fn round_step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let rough = most / MOST_STEPS;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(steps[3])
}

fn opening(words: &Words<'_>, height: f64) -> String {
    let (title, about) = (escape_html(words.title), escape_html(words.about));
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}: {about}\">\n")
}

fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(svg, "{line}").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'_> = Words { title: "T<", about: "what & why" };

    fn shown(value: f64) -> String {
        if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
    }

    fn point(x: f64, y: f64, figures: &str) -> Point {
        Point { x, y, figures: figures.to_owned() }
    }

    fn bar(label: &str, parts: &[f64]) -> Bar {
        Bar {
            label: label.to_owned(),
            class: 0,
            parts: parts.to_vec(),
            spread: Some((1.0, 8.0)),
            figure: "8 <us>".to_owned(),
        }
    }

    #[test]
    fn all_text_is_escaped() {
        let svg = bars(&WORDS, &[bar("<script>\u{202e}", &[1.0])]);
        assert!(svg.contains("aria-label=\"T&lt;: what &amp; why\""), "{svg}");
        assert!(svg.contains("&lt;script&gt;\\u{202e}</text>") && svg.contains("8 &lt;us&gt;"), "{svg}");
    }

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let svg = bars(&WORDS, &[bar("a", &[2.0, 2.0]), bar("b", &[8.0])]);
        assert_eq!(svg.matches("width=\"79.0\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("width=\"316.0\"").count(), 1, "{svg}");
    }

    #[test]
    fn nothing_measured_is_no_bar_and_no_line_off_the_chart() {
        let svg = bars(&WORDS, &[Bar { spread: None, ..bar("a", &[0.0]) }]);
        assert!(svg.contains("width=\"0.0\"") && !svg.contains("NaN"), "{svg}");
        let none = Line { name: "a".to_owned(), class: 0, points: vec![point(0.0, 0.0, "")] };
        let axis = || Axis::powers_of_ten(std::iter::empty(), "x", shown);
        assert!(!lines(&WORDS, &axis(), &axis(), &[none]).contains("NaN"));
    }

    #[test]
    fn steps_are_round_and_reach_the_most() {
        let ticks = |most: f64| {
            let axis = Axis::from_zero(most, "x", shown);
            axis.ticks.iter().map(|(value, _)| shown(*value)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(56_000.0), "0 20000 40000 60000");
        assert_eq!(ticks(5.0), "0 1 2 3 4 5");
        assert_eq!(ticks(0.7), "0 0.200 0.400 0.600 0.800");
        assert_eq!(ticks(0.0), "0 1");
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten_around_its_values() {
        let axis = Axis::powers_of_ten([0.0, 0.004, 0.5].into_iter(), "s", |value| value.to_string());
        let names: Vec<&str> = axis.ticks.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["0.001", "0.01", "0.1", "1"]);
        let places = [0.001, 0.01, 1.0, 9.0, 0.0].map(|value| (axis.place(value) * 3.0).round());
        assert_eq!(places.map(|place| place as u32), [0, 1, 3, 3, 0]);
    }

    #[test]
    fn every_point_has_a_mark_with_its_figures() {
        let points = vec![point(1.0, 10.0, "10 us"), point(2.0, 20.0, "20 us with <2>")];
        let line = Line { name: "threads".to_owned(), class: 1, points };
        let axis = || Axis::from_zero(20.0, "x", shown);
        let svg = lines(&WORDS, &axis(), &axis(), &[line]);
        assert_eq!(svg.matches("<title>threads: ").count(), 2, "{svg}");
        assert!(svg.contains("threads: 20 us with &lt;2&gt;"), "{svg}");
    }
}
