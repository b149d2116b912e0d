//! The evaluator against tables of expressions whose values were worked out by hand, and against hostile input.

use super::XPath;
use crate::extract::select::tests::seeded;
use crate::extract::select::{Extraction, Markup};

const SHOP: (&str, &str) = (include_str!("../fixtures/shop.html"), include_str!("../fixtures/shop.txt"));
const LEDGER: (&str, &str) =
    (include_str!("../fixtures/ledger.html"), include_str!("../fixtures/ledger.txt"));

/// All that an expression gives on a page, as JSON, with how often it was asked whether to go on.
fn found(page: &str, expression: &str) -> (String, u32) {
    let field = format!("x[]=xpath:{expression}");
    let extraction = Extraction::parse(&[field], None).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let mut n_asked = 0;
    let extracted = extraction.evaluate(page, Markup::Html, &mut || {
        n_asked += 1;
        true
    });
    let json = extracted.json.strip_prefix("{\"x\":").and_then(|json| json.strip_suffix('}'));
    (json.unwrap_or_default().to_owned(), n_asked)
}

#[track_caller]
fn check(page: &str, expression: &str, expected: &str) {
    assert_eq!(found(page, expression).0, expected, "{expression}");
}

fn check_table((page, table): (&str, &str)) -> usize {
    let cases = table.lines().filter(|line| !line.starts_with('#'));
    let mut n_cases = 0;
    for case in cases {
        let (expression, expected) = case.split_once("  => ").unwrap();
        check(page, expression, expected);
        n_cases += 1;
    }
    n_cases
}

#[test]
fn expressions_give_what_was_worked_out_by_hand() {
    assert!(check_table(SHOP) + check_table(LEDGER) > 300);
}

#[test]
fn tables_have_the_body_that_browsers_give_them() {
    let page = "<table><tr><td>1<td>2<tr><td>3</table>";
    check(page, "//table/tr", "[]");
    check(page, "//table/tbody/tr/td[1]", r#"["1","3"]"#);
    check(page, "//table//tr[1]/td[last()]", r#"["2"]"#);
}

#[test]
fn names_are_compared_in_lower_case_with_their_prefix() {
    let page = "<svg viewBox='0 0 9 9'><linearGradient id=g /><a xlink:href='#g'>l</a></svg><O:P>o</O:P>";
    check(page, "//lineargradient/@id", r#"["g"]"#);
    check(page, "//linearGradient/@ID", r#"["g"]"#);
    check(page, "//svg/@viewBox", r#"["0 0 9 9"]"#);
    check(page, "name(//svg/*)", r#"["lineargradient"]"#);
    check(page, "//@xlink:href", r##"["#g"]"##);
    check(page, "//@xlink:*", r##"["#g"]"##);
    check(page, "//o:p", r#"["o"]"#);
    check(page, "local-name(//o:*)", r#"["p"]"#);
}

#[test]
fn what_is_in_a_template_or_noscript_is_in_the_page() {
    let page = "<template><p>one</p></template><noscript><p>two</p></noscript>";
    check(page, "//p", r#"["one","two"]"#);
    check(page, "//template/p", r#"["one"]"#);
}

#[test]
fn an_expression_of_many_words_is_read() {
    let page = "<p>x</p>";
    check(page, " ( // p ) [ 1 ] / text ( ) ", r#"["x"]"#);
    check(page, "count(child::html/child::body/child::p)", "[1]");
    check(page, "//*[name()='p'or name()='div']", r#"["x"]"#);
    check(page, "2*3 div 2-1", "[2]");
    check(page, "/html/body/div/div | /html/body/p", r#"["x"]"#);
    check("<div>y</div>", "//div div 2", "[null]");
    check("<or>z</or>", "//or[. = 'z' or or]", r#"["z"]"#);
    check("<p a-b=1>", "//p/@a-b - 1", "[0]");
}

#[test]
fn a_wrong_expression_is_told_with_its_place() {
    let mut told = String::new();
    for text in WRONG {
        let fault = XPath::parse(text).expect_err(text);
        let column = text[..fault.place].chars().count();
        told.push_str(&format!("{text}\n{}^ {}\n", " ".repeat(column), fault.reason));
    }
    assert_eq!(told, include_str!("../fixtures/xpath_mistakes.txt"));
}

const WRONG: [&str; 40] = [
    "",
    " ",
    "/ /",
    "//",
    "//a[",
    "//a[]",
    "//a[1",
    "//a]",
    "//a)",
    "(//a",
    "//a b",
    "//a/",
    "//a//",
    "/html/body/[1]",
    "a @b",
    "//a[@href='x",
    "\"x",
    "//漢字[!x]",
    "$x",
    "//a[$i]",
    "foo()",
    "//a[has-class('x')]",
    "count()",
    "count('x')",
    "count(//a, //b)",
    "position(1)",
    "contains('a')",
    "concat('a')",
    "substring('a')",
    "sum(1 + 1)",
    "1 | 2",
    "//a | 'b'",
    "'a'/b",
    "'a'[1]",
    "1 +",
    "and b",
    "sideways::a",
    "child::",
    "//a/string()",
    "//a/element()",
];

#[test]
fn an_expression_can_not_exhaust_the_stack() {
    let nested = [
        format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}a{}", "a[".repeat(100_000), "]".repeat(100_000)),
        format!("{}1", "-".repeat(100_000)),
        format!("1{}", "+1".repeat(100_000)),
        format!("{}1{}", "not(".repeat(100_000), ")".repeat(100_000)),
    ];
    for text in nested {
        assert!(XPath::parse(&text).expect_err("too deep").reason.contains("nested"));
    }
    // Length alone is no harm.
    check("<p>x", &format!("//p{}", "/../*".repeat(5_000)), r#"["x"]"#);
    check("<p>x", &format!("//p{}", " | //p".repeat(5_000)), r#"["x"]"#);
}

/// What it costs to walk a page must follow its length, however the nodes that one starts from stand to one another.
#[test]
fn ordinary_expressions_take_steps_as_the_page_is_long() {
    let pages = [
        format!("{}{}", "<div>".repeat(400), "<p><a>x</a></p>".repeat(1_500)),
        "<p>x</p><a>y</a>".repeat(2_500),
        format!("{}{}", "<div><p><a>".repeat(100), "x<i>y</i>".repeat(2_500)),
    ];
    let expressions = [
        "count(//div//p//a)",
        "count(//div//div//div//q)",
        "count(//p/following-sibling::p)",
        "count(//a/preceding-sibling::*)",
        "count(//p/following::a)",
        "count(//a/preceding::p)",
        "count(//a/ancestor::*)",
        "count(//text()/ancestor-or-self::node())",
        "count(//p/..//a)",
        "count(//p[following-sibling::p])",
        "count(//p[1])",
        "count(//*[last()])",
        "count(//*[a])",
        "count(//*[contains(., 'q')])",
        "count(//p[. = 'x'] | //a[. = 'y'])",
        "count(//p[. = //title])",
        "count(//p[//title][//q])",
    ];
    for page in &pages {
        let n_nodes: f64 = found(page, "count(//node())").0.trim_matches(['[', ']']).parse().unwrap();
        for expression in expressions {
            let (_, n_asked) = found(page, expression);
            let n_chunks = page.len() / 16_384;
            let n_steps = (n_asked as usize - n_chunks.min(n_asked as usize)) as f64 * 16_384.0;
            // Ten looks at each node, and for the text of nested elements a step for 64 bytes in each of them.
            let text = page.len() as f64 / 64.0 * 512.0;
            assert!(n_steps <= 10.0 * n_nodes + text, "{expression}: {n_steps} steps for {n_nodes} nodes");
        }
    }
}

#[test]
fn an_expression_that_is_too_dear_ends_when_it_is_told_to() {
    let page = "<p>x</p>".repeat(20_000);
    for expression in [
        "count(//p/following-sibling::p[last()])",
        "count(//p[preceding::q])",
        "count(//p[. != //p])",
        "count(//p[id('x')])",
    ] {
        let extraction = Extraction::parse(&[format!("x=xpath:{expression}")], None).unwrap();
        let mut left = 50;
        let extracted = extraction.evaluate(&page, Markup::Html, &mut || {
            left -= 1;
            left > 0
        });
        assert_eq!((extracted.json.as_str(), extracted.is_cut), (r#"{"x":null}"#, true), "{expression}");
        assert_eq!(left, 0, "{expression}");
    }
}

#[test]
fn no_mixture_of_words_makes_it_panic() {
    const WORDS: [&str; 40] = [
        "//",
        "/",
        "p",
        "li",
        "*",
        "[",
        "]",
        "(",
        ")",
        "1",
        "2",
        "@",
        "@class",
        "..",
        ".",
        "|",
        " and ",
        " or ",
        " div ",
        "-",
        "+",
        "=",
        "!=",
        "<",
        "'x'",
        "text()",
        "node()",
        "last()",
        "position()",
        "count(",
        "not(",
        "ancestor::",
        "following::",
        "preceding-sibling::",
        ",",
        "string(",
        "contains(",
        "self::",
        "0",
        "é",
    ];
    let mut n_valid = 0;
    for seed in 1..=4_000 {
        let mut next = seeded(seed);
        let text: String = (0..=next(8)).map(|_| WORDS[next(WORDS.len())]).collect();
        match XPath::parse(&text) {
            Ok(_) => {
                n_valid += 1;
                found(SHOP.0, &text);
            }
            Err(fault) => assert!(text.is_char_boundary(fault.place), "{text}"),
        }
    }
    assert!(n_valid > 100, "{n_valid}");
}
