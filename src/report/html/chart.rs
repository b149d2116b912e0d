//! Drawings: columns over an axis, and a whole in its parts.
//!
//! Does not know what is counted. A drawing has no text in it that is to be read: it is stretched to the width of the
//! page, and words stand around it.

use crate::report::html::markup::Markup;

/// The height of a drawing, in its own units.
const HEIGHT: f64 = 100.0;

/// The least that is drawn of what is not nothing, in the same units.
const LEAST: f64 = 1.5;

/// Columns of one kind.
pub(super) struct Layer {
    /// The class that colours it.
    pub(super) class: &'static str,
    /// The value of each column.
    pub(super) values: Vec<f64>,
}

/// Who reads a drawing instead of seeing it.
pub(super) struct Told<'a> {
    /// A name that no other drawing of the page has.
    pub(super) id: &'static str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

/// A line across the columns, at this part of the width.
pub(super) struct Cut {
    pub(super) class: &'static str,
    pub(super) part: f64,
}

/// Columns, those of later layers on top of those before.
pub(super) fn columns(page: &mut Markup, told: &Told<'_>, layers: &[Layer], cuts: &[Cut]) {
    let n_columns = layers.iter().map(|layer| layer.values.len()).max().unwrap_or(0).max(1);
    let mut sums = vec![0.0_f64; n_columns];
    for layer in layers {
        sums.iter_mut().zip(&layer.values).for_each(|(sum, value)| *sum += value);
    }
    let most = sums.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    open(page, told, n_columns);
    let mut tops = vec![HEIGHT; n_columns];
    for layer in layers {
        page.raw("<path class=\"fill ").raw(layer.class).raw("\" d=\"");
        for (column, value) in layer.values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let bottom = tops[column];
            let top = (bottom - (value / most * HEIGHT).max(LEAST)).max(0.0);
            tops[column] = top;
            page.show(format_args!("M{column} {}h1V{}h-1z", short(top), short(bottom)));
        }
        page.raw("\"/>");
    }
    for cut in cuts {
        let place = short(cut.part * n_columns as f64);
        // Seen on a column as well as beside it.
        page.raw("<path class=\"halo\" d=\"").show(format_args!("M{place} 0V100")).raw("\"/>");
        page.raw("<path class=\"cut ").raw(cut.class).raw("\" d=\"").show(format_args!("M{place} 0V100"));
        page.raw("\"/>");
    }
    page.raw("</svg>");
}

/// A whole in its parts, from left to right.
pub(super) fn parts(page: &mut Markup, told: &Told<'_>, parts: &[(&'static str, u64)]) {
    let whole = parts.iter().map(|(_, part)| *part).sum::<u64>().max(1) as f64;
    open(page, told, 1);
    let mut left = 0.0;
    for (class, part) in parts.iter().filter(|(_, part)| *part > 0) {
        let right = left + *part as f64 / whole;
        page.raw("<path class=\"fill ").raw(class).raw("\" d=\"");
        page.show(format_args!("M{left:.5} 0H{right:.5}V100H{left:.5}z"));
        page.raw("\"/>");
        left = right;
    }
    page.raw("</svg>");
}

fn open(page: &mut Markup, told: &Told<'_>, width: usize) {
    page.raw("<svg role=\"img\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\" viewBox=\"0 0 ");
    page.show(width).raw(" 100\" aria-labelledby=\"").raw(told.id).raw("-name ").raw(told.id);
    page.raw("-told\"><title id=\"").raw(told.id).raw("-name\">").text(told.title);
    page.raw("</title><desc id=\"").raw(told.id).raw("-told\">").text(told.description).raw("</desc>");
}

/// A coordinate in few characters.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: Told<'_> = Told { id: "x", title: "<t>", description: "d" };

    #[test]
    fn layers_stand_on_each_other() {
        let mut page = Markup::default();
        let layers = [
            Layer { class: "ok", values: vec![3.0, 0.0] },
            Layer { class: "failed", values: vec![1.0, 0.0001] },
        ];
        columns(&mut page, &TOLD, &layers, &[Cut { class: "p90", part: 0.5 }]);
        let html = page.into_html();
        assert!(html.contains("viewBox=\"0 0 2 100\""), "{html}");
        assert!(html.contains("<path class=\"fill ok\" d=\"M0 25h1V100h-1z\"/>"), "{html}");
        assert!(
            html.contains("<path class=\"fill failed\" d=\"M0 0h1V25h-1zM1 98.5h1V100h-1z\"/>"),
            "{html}"
        );
        assert!(html.contains("d=\"M1 0V100\"") && html.contains("&lt;t&gt;"), "{html}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let mut page = Markup::default();
        columns(&mut page, &TOLD, &[Layer { class: "ok", values: Vec::new() }], &[]);
        parts(&mut page, &TOLD, &[("ok", 0), ("failed", 0)]);
        let html = page.into_html();
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }
}
