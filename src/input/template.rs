//! Expands URL templates: ranges and lists in braces, as in bash.
//!
//! Does not know how a template is written (`parse` does), nor what a URL is: an expansion is checked like any other
//! line.
//!
//! Invariants:
//! - Nothing is expanded before it is read: a template of 10^12 URLs costs as little as one of ten.
//! - An expansion is never longer than its template.

mod parse;

use std::fmt::Write as _;

pub use parse::{TemplateError, TemplateFault, is_template};

/// A template that was parsed; iterate over it for what it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

/// What a template stands for, one text after the other.
#[derive(Clone, Debug)]
pub struct Expansion {
    template: Template,
    /// Which value of each part comes next; `None` once the last was given.
    positions: Option<Vec<u64>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    List(Vec<String>),
    Numbers(Numbers),
}

/// An arithmetic progression.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Numbers {
    first: i64,
    direction: Direction,
    step: u64,
    /// One less than the number of values, which itself may not fit.
    last_position: u64,
    /// Shorter numbers are filled with zeros up to this width, sign included.
    width: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    Up,
    Down,
}

impl Template {
    /// The template that stands for this text alone, braces and all.
    pub fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Literal(text.to_owned())] }
    }

    /// How many texts it stands for; the largest number where there are more still.
    pub fn count(&self) -> u128 {
        self.parts
            .iter()
            .fold(1, |count: u128, part| count.saturating_mul(u128::from(part.last_position()) + 1))
    }
}

impl IntoIterator for Template {
    type Item = String;
    type IntoIter = Expansion;

    fn into_iter(self) -> Expansion {
        let positions = vec![0; self.parts.len()];
        Expansion { template: self, positions: Some(positions) }
    }
}

impl Expansion {
    /// Leaves out the next texts, and says how many there were: `n_texts`, or all that are left.
    ///
    /// Nothing is expanded on the way: it costs as much for all texts as for one.
    pub fn advance(&mut self, n_texts: u64) -> u64 {
        let n_left = self.n_left();
        if n_left <= u128::from(n_texts) {
            self.positions = None;
            return u64::try_from(n_left).expect("it is no more than a number of 64 bits");
        }
        let positions = self.positions.as_mut().expect("texts are left");
        let mut carry = u128::from(n_texts);
        for (part, position) in self.template.parts.iter().zip(positions).rev() {
            let n_values = u128::from(part.last_position()) + 1;
            let sum = u128::from(*position) + carry;
            *position = u64::try_from(sum % n_values).expect("a position is within its part");
            carry = sum / n_values;
        }
        n_texts
    }

    /// How many texts are still to come; the largest number where there are more still.
    fn n_left(&self) -> u128 {
        let Some(positions) = &self.positions else { return 0 };
        let mut n_left: u128 = 1;
        let mut weight: u128 = 1;
        for (part, position) in self.template.parts.iter().zip(positions).rev() {
            let n_values_left = u128::from(part.last_position() - position);
            n_left = n_left.saturating_add(weight.saturating_mul(n_values_left));
            weight = weight.saturating_mul(u128::from(part.last_position()) + 1);
        }
        n_left
    }

    /// Puts the next text in the place of what `text` holds; `false`, and nothing done, where there is none.
    ///
    /// For a reader of many: no allocation once `text` is large enough.
    pub fn next_into(&mut self, text: &mut String) -> bool {
        let Some(positions) = &mut self.positions else { return false };
        text.clear();
        for (part, &position) in self.template.parts.iter().zip(positions.iter()) {
            part.write(position, text);
        }
        for (part, position) in self.template.parts.iter().zip(positions.iter_mut()).rev() {
            if *position < part.last_position() {
                *position += 1;
                return true;
            }
            *position = 0;
        }
        self.positions = None;
        true
    }
}

impl Iterator for Expansion {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::new();
        self.next_into(&mut text).then_some(text)
    }
}

impl Part {
    fn last_position(&self) -> u64 {
        match self {
            Self::Literal(_) => 0,
            Self::List(texts) => u64::try_from(texts.len() - 1).expect("a length fits 64 bits"),
            Self::Numbers(numbers) => numbers.last_position,
        }
    }

    fn write(&self, position: u64, text: &mut String) {
        match self {
            Self::Literal(literal) => text.push_str(literal),
            Self::List(texts) => {
                let position = usize::try_from(position).expect("a position in a list is within its length");
                text.push_str(&texts[position]);
            }
            Self::Numbers(numbers) => {
                let (value, width) = (numbers.value(position), usize::from(numbers.width));
                write!(text, "{value:0width$}").expect("a string takes all that is written");
            }
        }
    }
}

impl Numbers {
    fn value(&self, position: u64) -> i128 {
        let distance = i128::from(position) * i128::from(self.step);
        match self.direction {
            Direction::Up => i128::from(self.first) + distance,
            Direction::Down => i128::from(self.first) - distance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(template: &str, expected: &[&str]) {
        let parsed = Template::parse(template).unwrap();
        assert_eq!(parsed.count(), u128::try_from(expected.len()).unwrap(), "{template}");
        let texts: Vec<String> = parsed.into_iter().collect();
        assert_eq!(texts, expected, "{template}");
    }

    #[test]
    fn ranges() {
        check("{1..3}", &["1", "2", "3"]);
        check("{3..1}", &["3", "2", "1"]);
        check("{-2..2}", &["-2", "-1", "0", "1", "2"]);
        check("{5..5}", &["5"]);
        check("x{0..90..30}y", &["x0y", "x30y", "x60y", "x90y"]);
        check("{0..7..3}", &["0", "3", "6"]);
        check("{7..0..3}", &["7", "4", "1"]);
        check("{7..0..-3}", &["7", "4", "1"]);
        check("{0..7..-3}", &["0", "3", "6"]);
        check("{1..2..9223372036854775807}", &["1"]);
        check("{9223372036854775806..9223372036854775807}", &["9223372036854775806", "9223372036854775807"]);
    }

    #[test]
    fn a_leading_zero_fills_up_to_the_wider_end() {
        check("{08..10}", &["08", "09", "10"]);
        check("{8..010}", &["008", "009", "010"]);
        check("{098..100}", &["098", "099", "100"]);
        check("{10..08}", &["10", "09", "08"]);
        check("{-01..1}", &["-01", "000", "001"]);
        check("{0..2}", &["0", "1", "2"]);
        check("{00..1}", &["00", "01"]);
    }

    #[test]
    fn letters_and_lists() {
        check("{a..e}", &["a", "b", "c", "d", "e"]);
        check("{E..A..2}", &["E", "C", "A"]);
        check("{a,b,c}", &["a", "b", "c"]);
        check("x{,y}", &["x", "xy"]);
        check("{,}", &["", ""]);
        check("{ a,b }", &[" a", "b "]);
        check("{1..3,5}", &["1..3", "5"]);
        check("{http,https}://h/", &["http://h/", "https://h/"]);
    }

    #[test]
    fn several_multiply_and_the_last_varies_fastest() {
        check("{a,b}{1..2}", &["a1", "a2", "b1", "b2"]);
        check(
            "{a,b}-{x,y}-{0..1}",
            &["a-x-0", "a-x-1", "a-y-0", "a-y-1", "b-x-0", "b-x-1", "b-y-0", "b-y-1"],
        );
    }

    #[test]
    fn the_example_of_the_manual_gives_a_hundred() {
        let template = Template::parse("http://h/?page={0..2970..30}").unwrap();
        assert_eq!(template.count(), 100);
        assert_eq!(template.into_iter().last().unwrap(), "http://h/?page=2970");
    }

    #[test]
    fn huge_templates_cost_nothing_until_read() {
        let template = Template::parse("http://h/{1..1000000}/{1..1000000}").unwrap();
        assert_eq!(template.count(), 1_000_000_000_000);
        assert_eq!(template.into_iter().nth(2).unwrap(), "http://h/1/3");
        let all = "{-9223372036854775808..9223372036854775807}";
        assert_eq!(Template::parse(all).unwrap().count(), 1 << 64);
        assert_eq!(Template::parse(&all.repeat(3)).unwrap().count(), u128::MAX);
        assert_eq!(Template::parse(all).unwrap().into_iter().next().unwrap(), "-9223372036854775808");
    }

    #[test]
    fn huge_templates_are_left_out_at_once() {
        let mut expansion = Template::parse("http://h/{1..1000000}/{1..1000000}").unwrap().into_iter();
        assert_eq!(expansion.advance(999_999_999_998), 999_999_999_998);
        assert_eq!(expansion.next().unwrap(), "http://h/1000000/999999");
        assert_eq!(expansion.advance(u64::MAX), 1);
        assert_eq!(expansion.advance(u64::MAX), 0);
        assert_eq!(expansion.next(), None);

        let all = "{-9223372036854775808..9223372036854775807}";
        let mut expansion = Template::parse(&all.repeat(3)).unwrap().into_iter();
        assert_eq!(expansion.advance(u64::MAX), u64::MAX);
        assert_eq!(expansion.advance(1), 1);
        let expected = "-9223372036854775808-9223372036854775807-9223372036854775808";
        assert_eq!(expansion.next().unwrap(), expected);
    }

    fn group() -> impl Strategy<Value = String> {
        prop_oneof![
            (-20_i64..20, -20_i64..20, 1_u8..9).prop_map(|(a, b, step)| format!("{{{a}..{b}..{step}}}")),
            proptest::collection::vec("[a-z]{0,3}", 2..4)
                .prop_map(|texts| format!("{{{}}}", texts.join(","))),
            "[a-z/:.]{0,8}",
        ]
    }

    proptest! {
        #[test]
        fn the_count_is_the_number_of_texts(groups in proptest::collection::vec(group(), 0..4)) {
            let text = groups.concat();
            let template = Template::parse(&text).unwrap();
            let count = template.count();
            let mut n_texts = 0;
            for expanded in template {
                prop_assert!(expanded.len() <= text.len());
                n_texts += 1;
            }
            prop_assert_eq!(count, n_texts);
        }

        #[test]
        fn to_advance_is_to_expand_in_vain(
            groups in proptest::collection::vec(group(), 0..4),
            steps in proptest::collection::vec(0_u64..300, 1..5),
        ) {
            let template = Template::parse(&groups.concat()).unwrap();
            let (mut advanced, mut expanded) = (template.clone().into_iter(), template.into_iter());
            for n_texts in steps {
                let n_expanded = expanded.by_ref().take(usize::try_from(n_texts).unwrap()).count();
                prop_assert_eq!(advanced.advance(n_texts), u64::try_from(n_expanded).unwrap());
                prop_assert_eq!(advanced.next(), expanded.next());
            }
        }
    }
}
