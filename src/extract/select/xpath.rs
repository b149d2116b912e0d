//! XPath 1.0 on a page: text to an expression, and an expression to its value.
//!
//! Does not know where expressions are given, nor what becomes of values.
//! What was tried instead of an evaluator of our own is in `docs/design/xpath.md`.
//!
//! All axes, predicates and functions of the standard are there. What pages do not have is empty: namespaces,
//! processing instructions, variables (which are refused).
//! Names are compared in lower case, with their prefix as a part of the name.

mod ast;
mod axes;
mod calls;
mod compare;
mod evaluate;
mod functions;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod value;

use super::dom::Dom;
use super::meter::{Exhausted, Meter};
use super::mistake::Fault;
use ast::{Expression, ValueKind};
use evaluate::{Evaluation, Spot};

pub(super) use evaluate::Known;
pub(super) use value::{Item, Value, text_of};

/// A checked expression.
#[derive(Debug)]
pub(super) struct XPath(Expression);

impl XPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is wrong, and why.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        parser::parse(text).map(Self)
    }

    /// Whether it selects nodes, and does not compute anything else.
    pub(super) fn selects_nodes(&self) -> bool {
        self.0.kind() == ValueKind::Nodes
    }

    /// Its value at a node. What is `known` is of this page, and of expressions that live as long as it does.
    ///
    /// # Errors
    /// The page has had its share.
    pub(super) fn evaluate<'a>(
        &'a self,
        dom: &'a Dom,
        (meter, known): (&'a Meter<'_>, &'a Known),
        item: Item,
    ) -> Result<Value<'a>, Exhausted> {
        Evaluation { dom, meter, known }.value(&self.0, Spot::alone(item))
    }
}
