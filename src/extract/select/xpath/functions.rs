//! The functions of XPath 1.0 by name: what they take and what they give.
//!
//! Does not know what they do; `calls` does.

use super::ast::ValueKind;

/// A function of the core library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    Last,
    Position,
    Count,
    Id,
    LocalName,
    NamespaceUri,
    Name,
    String,
    Concat,
    StartsWith,
    Contains,
    SubstringBefore,
    SubstringAfter,
    Substring,
    StringLength,
    NormalizeSpace,
    Translate,
    Boolean,
    Not,
    True,
    False,
    Lang,
    Number,
    Sum,
    Floor,
    Ceiling,
    Round,
}

/// How a function is called.
pub(super) struct Signature {
    pub(super) function: Function,
    pub(super) name: &'static str,
    /// The fewest and the most arguments.
    pub(super) n_arguments: (usize, usize),
    /// Whether its argument must be nodes; any other value is converted.
    pub(super) takes_nodes: bool,
    pub(super) result: ValueKind,
}

const fn signature(
    function: Function,
    name: &'static str,
    n_arguments: (usize, usize),
    result: ValueKind,
) -> Signature {
    Signature { function, name, n_arguments, takes_nodes: false, result }
}

const fn of_nodes(
    function: Function,
    name: &'static str,
    n_arguments: (usize, usize),
    result: ValueKind,
) -> Signature {
    Signature { function, name, n_arguments, takes_nodes: true, result }
}

/// In the order of `Function`.
const SIGNATURES: [Signature; 27] = {
    use Function::*;
    use ValueKind::{Boolean as Truth, Nodes, Number as Figure, Text};
    [
        signature(Last, "last", (0, 0), Figure),
        signature(Position, "position", (0, 0), Figure),
        of_nodes(Count, "count", (1, 1), Figure),
        signature(Id, "id", (1, 1), Nodes),
        of_nodes(LocalName, "local-name", (0, 1), Text),
        of_nodes(NamespaceUri, "namespace-uri", (0, 1), Text),
        of_nodes(Name, "name", (0, 1), Text),
        signature(String, "string", (0, 1), Text),
        signature(Concat, "concat", (2, usize::MAX), Text),
        signature(StartsWith, "starts-with", (2, 2), Truth),
        signature(Contains, "contains", (2, 2), Truth),
        signature(SubstringBefore, "substring-before", (2, 2), Text),
        signature(SubstringAfter, "substring-after", (2, 2), Text),
        signature(Substring, "substring", (2, 3), Text),
        signature(StringLength, "string-length", (0, 1), Figure),
        signature(NormalizeSpace, "normalize-space", (0, 1), Text),
        signature(Translate, "translate", (3, 3), Text),
        signature(Boolean, "boolean", (1, 1), Truth),
        signature(Not, "not", (1, 1), Truth),
        signature(True, "true", (0, 0), Truth),
        signature(False, "false", (0, 0), Truth),
        signature(Lang, "lang", (1, 1), Truth),
        signature(Number, "number", (0, 1), Figure),
        of_nodes(Sum, "sum", (1, 1), Figure),
        signature(Floor, "floor", (1, 1), Figure),
        signature(Ceiling, "ceiling", (1, 1), Figure),
        signature(Round, "round", (1, 1), Figure),
    ]
};

impl Function {
    pub(super) fn of(name: &str) -> Option<Self> {
        SIGNATURES.iter().find(|signature| signature.name == name).map(|signature| signature.function)
    }

    pub(super) fn signature(self) -> &'static Signature {
        &SIGNATURES[self as usize]
    }
}

impl Signature {
    /// What is wrong with a call with so many arguments.
    pub(super) fn fault(&self, n_given: usize) -> Option<String> {
        let (least, most) = self.n_arguments;
        if (least..=most).contains(&n_given) {
            return None;
        }
        let name = self.name;
        let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
        Some(match (least, most) {
            (0, 0) => format!("{name}() takes no argument"),
            (2, usize::MAX) => format!("{name}() takes two arguments or more"),
            _ if least == most => format!("{name}() takes {least} {}", plural(least)),
            _ => format!("{name}() takes {least} or {most} {}", plural(most)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_functions() {
        for (place, signature) in SIGNATURES.iter().enumerate() {
            assert_eq!(signature.function as usize, place, "{}", signature.name);
            assert_eq!(Function::of(signature.name), Some(signature.function));
        }
    }
}
