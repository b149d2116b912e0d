//! XPath expressions as a tree, with what can be told of them before there is a page.
//!
//! Does not know how an expression is written, nor how it is evaluated.
//!
//! XPath 1.0 without variables has no types that depend on the page: what kind of value an expression has is known
//! from its form, so that a wrong one is a usage error.

use html5ever::LocalName;

use super::functions::Function;

/// What an expression gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ValueKind {
    Nodes,
    Number,
    Text,
    Boolean,
}

/// An expression.
#[derive(Debug)]
pub(super) enum Expression {
    Binary { operator: Operator, left: Box<Expression>, right: Box<Expression> },
    Negate(Box<Expression>),
    Union(Vec<Expression>),
    Path(Path),
    Literal(String),
    Number(f64),
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Or,
    And,
    Compare(Comparison),
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Steps from somewhere.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Start {
    /// The document.
    Root,
    /// The node that the expression is evaluated at.
    Context,
    /// The nodes of an expression, those that the predicates leave.
    Primary(Box<Expression>, Vec<Predicate>),
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: NodeTest,
    pub(super) predicates: Vec<Predicate>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    /// Empty in HTML.
    Namespace,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NodeTest {
    /// An element or attribute of this name.
    Name(LocalName),
    /// One whose name begins with this, as `svg:` for `svg:*`.
    Prefix(String),
    /// Any element or attribute.
    AnyName,
    /// Any node.
    AnyNode,
    Text,
    Comment,
    /// A processing instruction: HTML has none.
    Instruction,
}

#[derive(Debug)]
pub(super) struct Predicate {
    pub(super) expression: Expression,
    pub(super) reading: Reading,
}

/// What a predicate asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Reading {
    /// The node at a place that is written there.
    Place(usize),
    /// Something that hangs on the place of the node among its fellows.
    Positional,
    /// Something of the node alone, so that the order of evaluation is free.
    Plain,
}

impl Axis {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ancestor" => Self::Ancestor,
            "ancestor-or-self" => Self::AncestorOrSelf,
            "attribute" => Self::Attribute,
            "child" => Self::Child,
            "descendant" => Self::Descendant,
            "descendant-or-self" => Self::DescendantOrSelf,
            "following" => Self::Following,
            "following-sibling" => Self::FollowingSibling,
            "namespace" => Self::Namespace,
            "parent" => Self::Parent,
            "preceding" => Self::Preceding,
            "preceding-sibling" => Self::PrecedingSibling,
            "self" => Self::Itself,
            _ => return None,
        })
    }
}

impl Expression {
    pub(super) fn kind(&self) -> ValueKind {
        match self {
            Self::Binary { operator, .. } => match operator {
                Operator::Or | Operator::And | Operator::Compare(_) => ValueKind::Boolean,
                _ => ValueKind::Number,
            },
            Self::Negate(_) | Self::Number(_) => ValueKind::Number,
            Self::Union(_) | Self::Path(_) => ValueKind::Nodes,
            Self::Literal(_) => ValueKind::Text,
            Self::Call(function, _) => function.signature().result,
        }
    }

    /// Whether its value hangs on the place of the node that it is evaluated at, or on how many there are.
    fn is_positional(&self) -> bool {
        match self {
            Self::Binary { left, right, .. } => left.is_positional() || right.is_positional(),
            Self::Negate(inner) => inner.is_positional(),
            Self::Union(parts) => parts.iter().any(Self::is_positional),
            // What stands in brackets is evaluated at other nodes.
            Self::Path(Path { start: Start::Primary(inner, _), .. }) => inner.is_positional(),
            Self::Path(_) | Self::Literal(_) | Self::Number(_) => false,
            Self::Call(Function::Position | Function::Last, _) => true,
            Self::Call(_, arguments) => arguments.iter().any(Self::is_positional),
        }
    }
}

impl Predicate {
    pub(super) fn new(expression: Expression) -> Self {
        let reading = match &expression {
            // A place that no node can have is read as any other number.
            Expression::Number(number) if *number >= 1.0 && number.fract() == 0.0 && *number < 1e9 => {
                Reading::Place(*number as usize)
            }
            _ if expression.kind() == ValueKind::Number || expression.is_positional() => Reading::Positional,
            _ => Reading::Plain,
        };
        Self { expression, reading }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.reading == Reading::Plain
    }
}

impl Step {
    /// The second half of `//`.
    pub(super) fn anywhere() -> Self {
        Self { axis: Axis::DescendantOrSelf, test: NodeTest::AnyNode, predicates: Vec::new() }
    }

    /// Whether it is what `//` stands for.
    pub(super) fn is_anywhere(&self) -> bool {
        self.axis == Axis::DescendantOrSelf && self.test == NodeTest::AnyNode && self.predicates.is_empty()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.predicates.iter().all(Predicate::is_plain)
    }
}
