//! The value of an expression at a node.
//!
//! Does not know how expressions are written; `axes` walks, `calls` has the functions.
//!
//! Invariants:
//! - a set of nodes is in document order, each once;
//! - each node looked at is a step of the meter, so that an expression ends on any page;
//! - predicates that do not ask for a place are tested on all nodes of a step at once, and where only a yes or no is
//!   wanted the first node answers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use fnv::FnvHashMap;

use super::ast::{Expression, Operator, Path, Predicate, Reading, Start, Step, ValueKind};
use super::axes::{Walk, in_order, passes, walk_all};
use super::compare::compare;
use super::value::{Item, Value, number_of, text_of};
use crate::extract::select::dom::{DOCUMENT, Dom};
use crate::extract::select::meter::{Exhausted, Meter};

/// A page to evaluate expressions on.
pub(super) struct Evaluation<'a, 'm> {
    pub(super) dom: &'a Dom,
    pub(super) meter: &'a Meter<'m>,
    pub(super) known: &'a Known,
}

/// What the absolute paths of expressions have led to on one page: the same from everywhere, so that a path in a
/// predicate, or in a field of records, is walked once and not once for each node.
///
/// A path is known by where it lies in memory: the expressions must be borrowed for as long as this lives.
#[derive(Default)]
pub(in crate::extract::select) struct Known(RefCell<FnvHashMap<usize, Rc<[Item]>>>);

/// The node that an expression is evaluated at, its place among its fellows, and how many these are.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) item: Item,
    pub(super) position: usize,
    pub(super) size: usize,
}

impl Spot {
    /// A node alone.
    pub(super) fn alone(item: Item) -> Self {
        Self { item, position: 1, size: 1 }
    }
}

impl<'a> Evaluation<'a, '_> {
    /// The value of any expression.
    ///
    /// # Errors
    /// The page has had its share; so for all that follows.
    pub(super) fn value(&self, expression: &'a Expression, spot: Spot) -> Result<Value<'a>, Exhausted> {
        Ok(match expression {
            Expression::Literal(text) => Value::Text(Cow::Borrowed(text)),
            Expression::Number(number) => Value::Number(*number),
            Expression::Negate(inner) => Value::Number(-self.number(inner, spot)?),
            Expression::Union(_) | Expression::Path(_) => Value::Nodes(self.nodes(expression, spot)?),
            Expression::Call(function, arguments) => self.call(*function, arguments, spot)?,
            Expression::Binary { operator, left, right } => self.binary(*operator, (left, right), spot)?,
        })
    }

    fn binary(
        &self,
        operator: Operator,
        (left, right): (&'a Expression, &'a Expression),
        spot: Spot,
    ) -> Result<Value<'a>, Exhausted> {
        let numbers = || Ok((self.number(left, spot)?, self.number(right, spot)?));
        Ok(match operator {
            Operator::Or => Value::Boolean(self.truth(left, spot)? || self.truth(right, spot)?),
            Operator::And => Value::Boolean(self.truth(left, spot)? && self.truth(right, spot)?),
            Operator::Compare(comparison) => {
                let values = (self.value(left, spot)?, self.value(right, spot)?);
                Value::Boolean(compare(self, comparison, values)?)
            }
            Operator::Add => numbers().map(|(left, right)| Value::Number(left + right))?,
            Operator::Subtract => numbers().map(|(left, right)| Value::Number(left - right))?,
            Operator::Multiply => numbers().map(|(left, right)| Value::Number(left * right))?,
            Operator::Divide => numbers().map(|(left, right)| Value::Number(left / right))?,
            Operator::Modulo => numbers().map(|(left, right)| Value::Number(left % right))?,
        })
    }

    /// An expression as a number.
    pub(super) fn number(&self, expression: &'a Expression, spot: Spot) -> Result<f64, Exhausted> {
        Ok(match self.value(expression, spot)? {
            Value::Number(number) => number,
            Value::Boolean(truth) => f64::from(u8::from(truth)),
            value => number_of(&self.text_of_value(value)?),
        })
    }

    /// An expression as text.
    pub(super) fn text(&self, expression: &'a Expression, spot: Spot) -> Result<Cow<'a, str>, Exhausted> {
        let value = self.value(expression, spot)?;
        self.text_of_value(value)
    }

    fn text_of_value(&self, value: Value<'a>) -> Result<Cow<'a, str>, Exhausted> {
        Ok(match value {
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(text_of(number)),
            Value::Boolean(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
            Value::Nodes(items) => match items.first() {
                Some(first) => Cow::Borrowed(self.text_of_item(*first)?),
                None => Cow::Borrowed(""),
            },
        })
    }

    /// The text of an item, as many steps as it is long.
    pub(super) fn text_of_item(&self, item: Item) -> Result<&'a str, Exhausted> {
        self.meter.read(item.text(self.dom))
    }

    /// An expression as yes or no.
    pub(super) fn truth(&self, expression: &'a Expression, spot: Spot) -> Result<bool, Exhausted> {
        if let Expression::Path(path) = expression {
            return self.finds_any(path, spot);
        }
        Ok(match self.value(expression, spot)? {
            Value::Boolean(truth) => truth,
            Value::Number(number) => number != 0.0 && !number.is_nan(),
            Value::Text(text) => !text.is_empty(),
            Value::Nodes(items) => !items.is_empty(),
        })
    }

    /// The nodes of an expression; none where it is of another kind, which the parser does not let pass.
    pub(super) fn nodes(&self, expression: &'a Expression, spot: Spot) -> Result<Vec<Item>, Exhausted> {
        match expression {
            Expression::Path(Path { start: Start::Root, steps }) => {
                let items = self.absolute(steps)?;
                self.meter.steps(items.len())?;
                Ok(items.to_vec())
            }
            Expression::Path(path) => self.take_steps(&path.steps, self.start(path, spot)?),
            Expression::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.append(&mut self.nodes(part, spot)?);
                }
                Ok(in_order(all))
            }
            _ => match self.value(expression, spot)? {
                Value::Nodes(items) => Ok(items),
                _ => Ok(Vec::new()),
            },
        }
    }

    /// What steps from the document lead to.
    fn absolute(&self, steps: &'a [Step]) -> Result<Rc<[Item]>, Exhausted> {
        let place = steps.as_ptr().addr();
        if let Some(known) = self.known.0.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        let found: Rc<[Item]> = self.take_steps(steps, vec![Item::node(DOCUMENT)])?.into();
        // The path that is only a slash has no steps, and no place in memory of its own.
        if !steps.is_empty() {
            self.known.0.borrow_mut().insert(place, Rc::clone(&found));
        }
        Ok(found)
    }

    fn take_steps(&self, steps: &'a [Step], starts: Vec<Item>) -> Result<Vec<Item>, Exhausted> {
        steps.iter().try_fold(starts, |set, step| self.take_step(step, &set))
    }

    fn start(&self, path: &'a Path, spot: Spot) -> Result<Vec<Item>, Exhausted> {
        match &path.start {
            Start::Root => Ok(vec![Item::node(DOCUMENT)]),
            Start::Context => Ok(vec![spot.item]),
            Start::Primary(expression, predicates) => self.filter(self.nodes(expression, spot)?, predicates),
        }
    }

    fn take_step(&self, step: &'a Step, starts: &[Item]) -> Result<Vec<Item>, Exhausted> {
        if step.is_plain() {
            let found = walk_all(self.dom, self.meter, (step.axis, &step.test), starts)?;
            return self.filter(found, &step.predicates);
        }
        let mut all = Vec::new();
        for start in starts {
            let found = self.take_step_from(step, *start)?;
            all.extend(self.filter(found, step.rest())?);
        }
        Ok(in_order(all))
    }

    /// What a step finds from one node, in the order of its axis: all of it, or the one at the place that its first
    /// predicate names.
    fn take_step_from(&self, step: &'a Step, start: Item) -> Result<Vec<Item>, Exhausted> {
        let most = step.first_place().unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for item in Walk::new(self.dom, step.axis, start) {
            self.meter.step()?;
            if passes(self.dom, step.axis, &step.test, item) {
                found.push(item);
                if found.len() == most {
                    break;
                }
            }
        }
        if step.first_place().is_some() {
            found = found.split_off(found.len().min(most - 1));
        }
        Ok(found)
    }

    /// The items that predicates leave, in the order they come in.
    fn filter(&self, mut items: Vec<Item>, predicates: &'a [Predicate]) -> Result<Vec<Item>, Exhausted> {
        for predicate in predicates {
            if let Reading::Place(place) = predicate.reading {
                items = items.get(place - 1).copied().into_iter().collect();
                continue;
            }
            let size = items.len();
            let mut kept = Vec::new();
            for (place, item) in items.into_iter().enumerate() {
                if self.holds(predicate, Spot { item, position: place + 1, size })? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        Ok(items)
    }

    fn holds(&self, predicate: &'a Predicate, spot: Spot) -> Result<bool, Exhausted> {
        self.meter.step()?;
        if predicate.expression.kind() == ValueKind::Number {
            return Ok(self.number(&predicate.expression, spot)? == spot.position as f64);
        }
        self.truth(&predicate.expression, spot)
    }

    /// Whether a path leads anywhere. The last step ends at the first node that will do.
    fn finds_any(&self, path: &'a Path, spot: Spot) -> Result<bool, Exhausted> {
        if let Start::Root = path.start {
            return Ok(!self.absolute(&path.steps)?.is_empty());
        }
        let Some((last, others)) = path.steps.split_last() else {
            return Ok(!self.start(path, spot)?.is_empty());
        };
        let starts = self.take_steps(others, self.start(path, spot)?)?;
        if !last.is_plain() {
            return Ok(!self.take_step(last, &starts)?.is_empty());
        }
        for start in starts {
            for item in Walk::new(self.dom, last.axis, start) {
                self.meter.step()?;
                if passes(self.dom, last.axis, &last.test, item)
                    && self.all_hold(&last.predicates, Spot::alone(item))?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn all_hold(&self, predicates: &'a [Predicate], spot: Spot) -> Result<bool, Exhausted> {
        for predicate in predicates {
            if !self.holds(predicate, spot)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Step {
    /// The place that its first predicate names, if it does.
    fn first_place(&self) -> Option<usize> {
        match self.predicates.first()?.reading {
            Reading::Place(place) => Some(place),
            Reading::Positional | Reading::Plain => None,
        }
    }

    /// The predicates that are left when the place has been looked up.
    fn rest(&self) -> &[Predicate] {
        if self.first_place().is_some() { &self.predicates[1..] } else { &self.predicates }
    }
}
