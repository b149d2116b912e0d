//! The comparisons of XPath 1.0, with a set of nodes on either side, on both or on none.
//!
//! Does not know where the values come from.
//!
//! A set is compared by its members: it is equal, less or unequal if any of them is, so that a set can be both equal
//! and unequal to one text, and an empty one is neither.

use std::borrow::Cow;
use std::collections::HashSet;

use super::ast::Comparison;
use super::evaluate::Evaluation;
use super::value::{Item, Value, number_of};
use crate::extract::select::meter::Exhausted;

/// Compares two values.
///
/// # Errors
/// The page has had its share.
pub(super) fn compare(
    evaluation: &Evaluation<'_, '_>,
    comparison: Comparison,
    values: (Value<'_>, Value<'_>),
) -> Result<bool, Exhausted> {
    match values {
        (Value::Nodes(left), Value::Nodes(right)) => compare_sets(evaluation, comparison, &left, &right),
        (Value::Nodes(left), right) => compare_set(evaluation, comparison, &left, &right),
        (left, Value::Nodes(right)) => compare_set(evaluation, comparison.turned(), &right, &left),
        (left, right) => Ok(compare_plain(comparison, &left, &right)),
    }
}

fn compare_set(
    evaluation: &Evaluation<'_, '_>,
    comparison: Comparison,
    items: &[Item],
    other: &Value<'_>,
) -> Result<bool, Exhausted> {
    if let Value::Boolean(_) = other {
        return Ok(compare_plain(comparison, &Value::Boolean(!items.is_empty()), other));
    }
    for item in items {
        evaluation.meter.step()?;
        let text = Value::Text(Cow::Borrowed(evaluation.text_of_item(*item)?));
        if compare_plain(comparison, &text, other) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare_sets(
    evaluation: &Evaluation<'_, '_>,
    comparison: Comparison,
    left: &[Item],
    right: &[Item],
) -> Result<bool, Exhausted> {
    if left.is_empty() || right.is_empty() {
        return Ok(false);
    }
    match comparison {
        Comparison::Equal => {
            let texts: HashSet<&str> = texts(evaluation, left).collect::<Result<_, _>>()?;
            for text in self::texts(evaluation, right) {
                if texts.contains(text?) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Comparison::NotEqual => {
            // Of two sets that are not empty there are two members that differ, unless all are the same.
            let mut all = texts(evaluation, left).chain(texts(evaluation, right));
            let first = all.next().transpose()?;
            for text in all {
                if Some(text?) != first {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Comparison::Less | Comparison::LessOrEqual => {
            let least = extreme(evaluation, left, f64::min)?;
            let greatest = extreme(evaluation, right, f64::max)?;
            Ok(comparison.holds(least, greatest))
        }
        Comparison::Greater | Comparison::GreaterOrEqual => {
            compare_sets(evaluation, comparison.turned(), right, left)
        }
    }
}

fn texts<'e>(
    evaluation: &'e Evaluation<'e, '_>,
    items: &'e [Item],
) -> impl Iterator<Item = Result<&'e str, Exhausted>> {
    items.iter().map(|item| {
        evaluation.meter.step()?;
        evaluation.text_of_item(*item)
    })
}

/// The least or greatest number of a set, as `pick` says; NaN only where all are.
fn extreme(
    evaluation: &Evaluation<'_, '_>,
    items: &[Item],
    pick: fn(f64, f64) -> f64,
) -> Result<f64, Exhausted> {
    texts(evaluation, items).try_fold(f64::NAN, |found, text| Ok(pick(found, number_of(text?))))
}

fn compare_plain(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    match (left, right) {
        (Value::Boolean(_), _) | (_, Value::Boolean(_)) if !is_order => {
            comparison.holds(f64::from(u8::from(truth_of(left))), f64::from(u8::from(truth_of(right))))
        }
        (Value::Text(left), Value::Text(right)) if !is_order => {
            (left == right) == (comparison == Comparison::Equal)
        }
        _ => comparison.holds(number_of_plain(left), number_of_plain(right)),
    }
}

fn truth_of(value: &Value<'_>) -> bool {
    match value {
        Value::Boolean(truth) => *truth,
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Text(text) => !text.is_empty(),
        Value::Nodes(items) => !items.is_empty(),
    }
}

fn number_of_plain(value: &Value<'_>) -> f64 {
    match value {
        Value::Number(number) => *number,
        Value::Boolean(truth) => f64::from(u8::from(*truth)),
        Value::Text(text) => number_of(text),
        Value::Nodes(_) => f64::NAN,
    }
}

impl Comparison {
    /// The same with left and right exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}
