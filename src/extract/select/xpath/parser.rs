//! Text to an XPath expression, or the place where it is wrong.
//!
//! Does not know pages.
//!
//! Invariants:
//! - names are brought to lower case, as those of the tree are;
//! - `//x` becomes one walk over all descendants where that means the same, that is, where no predicate asks for a place;
//! - what is nested more deeply than `MOST_NESTED` is refused, so that no expression can exhaust the stack.

use std::borrow::Cow;

use html5ever::LocalName;

use super::ast::{Axis, Comparison, Expression, NodeTest, Operator, Path, Predicate, Start, Step, ValueKind};
use super::functions::Function;
use super::lexer::{Placed, Word, words};
use crate::extract::select::mistake::Fault;

/// Parentheses, brackets and operators within one another.
const MOST_NESTED: usize = 100;

/// Reads an expression.
///
/// # Errors
/// Where it is wrong, and why.
pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let mut parser = Parser { words: &words(text)?, end: text.len(), n_nested: 0 };
    let expression = parser.expression(0)?;
    match parser.words.first() {
        None => Ok(expression),
        Some(placed) => Err(Fault::new(placed.place, parser.surplus())),
    }
}

struct Parser<'t, 'a> {
    /// What is still to be read.
    words: &'t [Placed<'a>],
    /// The place behind the text.
    end: usize,
    n_nested: usize,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Option<Word<'a>> {
        self.words.first().map(|placed| placed.word)
    }

    fn place(&self) -> usize {
        self.words.first().map_or(self.end, |placed| placed.place)
    }

    fn advance(&mut self) {
        self.words = self.words.get(1..).unwrap_or_default();
    }

    fn take(&mut self, word: Word<'_>) -> bool {
        let is_there = self.peek() == Some(word);
        if is_there {
            self.advance();
        }
        is_there
    }

    fn expect(&mut self, word: Word<'_>, missing: &'static str) -> Result<(), Fault> {
        if self.take(word) { Ok(()) } else { Err(Fault::new(self.place(), missing)) }
    }

    fn surplus(&self) -> &'static str {
        match self.peek() {
            Some(Word::Close) => "there is no '(' for this",
            Some(Word::CloseBracket) => "there is no '[' for this",
            Some(Word::OpenBracket) => "a predicate must stand behind a step or a set of nodes",
            Some(Word::Axis(_) | Word::At) => "'/' or an operator is missing here",
            Some(Word::Slash | Word::DoubleSlash) => "a path can not go on from here",
            _ => "the expression is complete before this",
        }
    }

    fn nest(&mut self) -> Result<(), Fault> {
        self.n_nested += 1;
        if self.n_nested > MOST_NESTED {
            return Err(Fault::new(self.place(), format!("nested more than {MOST_NESTED} deep")));
        }
        Ok(())
    }

    /// An expression of operators that bind at least so tightly.
    fn expression(&mut self, least: u8) -> Result<Expression, Fault> {
        self.nest()?;
        let n_nested = self.n_nested;
        let mut left = self.unary()?;
        while let Some(Word::Operator(operator)) = self.peek()
            && tightness(operator) >= least
        {
            self.advance();
            let right = self.expression(tightness(operator) + 1)?;
            left = Expression::Binary { operator, left: Box::new(left), right: Box::new(right) };
            // What stands on the left is one level deeper for each operator.
            self.nest()?;
        }
        self.n_nested = n_nested - 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        if !self.take(Word::Operator(Operator::Subtract)) {
            return self.union();
        }
        self.nest()?;
        let inner = self.unary()?;
        self.n_nested -= 1;
        Ok(Expression::Negate(Box::new(inner)))
    }

    fn union(&mut self) -> Result<Expression, Fault> {
        let place = self.place();
        let first = self.path()?;
        if self.peek() != Some(Word::Pipe) {
            return Ok(first);
        }
        nodes_at(place, &first, "'|' joins sets of nodes, and this is none")?;
        let mut parts = vec![first];
        while self.take(Word::Pipe) {
            let place = self.place();
            let part = self.path()?;
            nodes_at(place, &part, "'|' joins sets of nodes, and this is none")?;
            parts.push(part);
        }
        Ok(Expression::Union(parts))
    }

    fn path(&mut self) -> Result<Expression, Fault> {
        let mut path = Path { start: Start::Context, steps: Vec::new() };
        match self.peek() {
            Some(Word::Slash) => {
                self.advance();
                path.start = Start::Root;
                if !self.begins_step() {
                    return Ok(Expression::Path(path));
                }
            }
            Some(Word::DoubleSlash) => {
                self.advance();
                path.start = Start::Root;
                path.steps.push(Step::anywhere());
            }
            _ if self.begins_primary() => {
                let place = self.place();
                let primary = self.primary()?;
                let goes_on =
                    matches!(self.peek(), Some(Word::OpenBracket | Word::Slash | Word::DoubleSlash));
                if !goes_on {
                    return Ok(primary);
                }
                nodes_at(place, &primary, "only a set of nodes can have predicates and steps behind it")?;
                let predicates = self.predicates()?;
                path.start = Start::Primary(Box::new(primary), predicates);
                if !self.slash(&mut path.steps) {
                    return Ok(Expression::Path(path));
                }
            }
            _ => {}
        }
        loop {
            let step = self.step()?;
            push_step(&mut path.steps, step);
            if !self.slash(&mut path.steps) {
                return Ok(Expression::Path(path));
            }
        }
    }

    /// Takes the slashes in front of a step.
    fn slash(&mut self, steps: &mut Vec<Step>) -> bool {
        if self.take(Word::DoubleSlash) {
            steps.push(Step::anywhere());
            return true;
        }
        self.take(Word::Slash)
    }

    fn begins_step(&self) -> bool {
        matches!(
            self.peek(),
            Some(Word::Name(_) | Word::Star | Word::Axis(_) | Word::At | Word::Dot | Word::DoubleDot)
        )
    }

    fn begins_primary(&self) -> bool {
        match self.peek() {
            Some(Word::Literal(_) | Word::Number(_) | Word::Open) => true,
            Some(Word::Name(name)) => self.is_call() && !is_node_type(name),
            _ => false,
        }
    }

    /// Whether a parenthesis stands behind the next word.
    fn is_call(&self) -> bool {
        self.words.get(1).is_some_and(|placed| placed.word == Word::Open)
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        let place = self.place();
        let word = self.peek();
        self.advance();
        match word {
            Some(Word::Literal(text)) => Ok(Expression::Literal(text.to_owned())),
            Some(Word::Number(number)) => Ok(Expression::Number(number)),
            Some(Word::Name(name)) => self.call(name, place),
            _ => {
                let inner = self.expression(0)?;
                self.expect(Word::Close, "')' is missing here")?;
                Ok(inner)
            }
        }
    }

    fn call(&mut self, name: &str, place: usize) -> Result<Expression, Fault> {
        let Some(function) = Function::of(name) else {
            return Err(Fault::new(place, format!("there is no function {name}() in XPath 1.0")));
        };
        let signature = function.signature();
        self.expect(Word::Open, "'(' is missing here")?;
        let mut arguments = Vec::new();
        while self.peek() != Some(Word::Close) {
            if !arguments.is_empty() {
                self.expect(Word::Comma, "',' or ')' is missing here")?;
            }
            let place = self.place();
            let argument = self.expression(0)?;
            if signature.takes_nodes {
                nodes_at(place, &argument, format!("{name}() takes a set of nodes, and this is none"))?;
            }
            arguments.push(argument);
        }
        self.advance();
        match signature.fault(arguments.len()) {
            Some(reason) => Err(Fault::new(place, reason)),
            None => Ok(Expression::Call(function, arguments)),
        }
    }

    fn predicates(&mut self) -> Result<Vec<Predicate>, Fault> {
        let mut predicates = Vec::new();
        while self.take(Word::OpenBracket) {
            let expression = self.expression(0)?;
            self.expect(Word::CloseBracket, "']' is missing here")?;
            predicates.push(Predicate::new(expression));
        }
        Ok(predicates)
    }

    fn step(&mut self) -> Result<Step, Fault> {
        let short = |axis| Step { axis, test: NodeTest::AnyNode, predicates: Vec::new() };
        let axis = match self.peek() {
            Some(Word::Dot) => {
                self.advance();
                return Ok(short(Axis::Itself));
            }
            Some(Word::DoubleDot) => {
                self.advance();
                return Ok(short(Axis::Parent));
            }
            Some(Word::At) => Some(Axis::Attribute),
            Some(Word::Axis(axis)) => Some(axis),
            _ => None,
        };
        if axis.is_some() {
            self.advance();
        }
        let test = self.node_test()?;
        Ok(Step { axis: axis.unwrap_or(Axis::Child), test, predicates: self.predicates()? })
    }

    fn node_test(&mut self) -> Result<NodeTest, Fault> {
        let place = self.place();
        match self.peek() {
            Some(Word::Star) => {
                self.advance();
                Ok(NodeTest::AnyName)
            }
            Some(Word::Name(name)) if self.is_call() => self.node_type(name),
            Some(Word::Name(name)) => {
                self.advance();
                let name = name.to_ascii_lowercase();
                Ok(match name.strip_suffix('*') {
                    Some(prefix) => NodeTest::Prefix(prefix.to_owned()),
                    None => NodeTest::Name(LocalName::from(name)),
                })
            }
            Some(Word::Operator(_)) => Err(Fault::new(place, "an operand is missing before this")),
            Some(_) => Err(Fault::new(place, "a path, a value or a function was expected here")),
            None => Err(Fault::new(place, "the expression ends too early")),
        }
    }

    fn node_type(&mut self, name: &str) -> Result<NodeTest, Fault> {
        let test = match name {
            "text" => NodeTest::Text,
            "comment" => NodeTest::Comment,
            "node" => NodeTest::AnyNode,
            "processing-instruction" => NodeTest::Instruction,
            _ if Function::of(name).is_some() => {
                return Err(Fault::new(
                    self.place(),
                    format!("{name}() is a function, and no step of a path"),
                ));
            }
            _ => {
                return Err(Fault::new(self.place(), format!("there is no kind of node called {name}()")));
            }
        };
        self.advance();
        self.advance();
        if test == NodeTest::Instruction && matches!(self.peek(), Some(Word::Literal(_))) {
            self.advance();
        }
        self.expect(Word::Close, "')' is missing here")?;
        Ok(test)
    }
}

/// Adds a step, and makes one walk of it and the `//` before it if it means the same.
fn push_step(steps: &mut Vec<Step>, mut step: Step) {
    if steps.last().is_some_and(Step::is_anywhere) && step.is_plain() {
        let merged = match step.axis {
            Axis::Child | Axis::Descendant => Some(Axis::Descendant),
            Axis::Itself | Axis::DescendantOrSelf => Some(Axis::DescendantOrSelf),
            _ => None,
        };
        if let Some(axis) = merged {
            steps.pop();
            step.axis = axis;
        }
    }
    steps.push(step);
}

fn nodes_at(
    place: usize,
    expression: &Expression,
    reason: impl Into<Cow<'static, str>>,
) -> Result<(), Fault> {
    if expression.kind() == ValueKind::Nodes { Ok(()) } else { Err(Fault::new(place, reason)) }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "text" | "comment" | "node" | "processing-instruction")
}

fn tightness(operator: Operator) -> u8 {
    match operator {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Compare(Comparison::Equal | Comparison::NotEqual) => 3,
        Operator::Compare(_) => 4,
        Operator::Add | Operator::Subtract => 5,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 6,
    }
}
