//! Fields and records as a row has them.

use super::{Extracted, Extraction, Given, Markup};

const SHOP: &str = include_str!("fixtures/shop.html");

fn extraction(fields: &[&str], rows: Option<&str>) -> Extraction {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    Extraction::parse(&fields, rows).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn extracted(page: &str, fields: &[&str], rows: Option<&str>) -> Extracted {
    extraction(fields, rows).evaluate(page, Markup::Html, &mut || true)
}

#[track_caller]
fn check(page: &str, fields: &[&str], rows: Option<&str>, expected: &str) {
    let extracted = extracted(page, fields, rows);
    assert_eq!(extracted.json, expected);
    assert!(!extracted.is_cut);
    serde_json::from_str::<serde_json::Value>(expected).unwrap();
}

#[test]
fn a_field_is_the_first_match_or_null_and_a_list_is_all() {
    check(SHOP, &["t=css:h1"], None, r#"{"t":"Fruit & more"}"#);
    check(SHOP, &["t=css:h2", "u[]=css:h2"], None, r#"{"t":null,"u":[]}"#);
    check(SHOP, &["t[]=css:#side li"], None, r#"{"t":["x","y"]}"#);
    check(SHOP, &["z=xpath://li[2]", "a[]=re:<li>(.)</li>"], None, r#"{"z":"banana","a":["x","y"]}"#);
    check(SHOP, &["n=xpath:count(//li)", "m[]=xpath:count(//li)"], None, r#"{"n":6,"m":[6]}"#);
    check(
        SHOP,
        &["n=xpath:1 div 4", "m=xpath:0 div 0", "b=xpath:1=1"],
        None,
        r#"{"n":0.25,"m":null,"b":true}"#,
    );
    check(SHOP, &["n=xpath:string(//h2)", "m=xpath://h2"], None, r#"{"n":"","m":null}"#);
    check(SHOP, &["n=xpath:-1 div 0", "m[]=xpath:1 div 0"], None, r#"{"n":null,"m":[null]}"#);
    check(SHOP, &[], None, "{}");
}

#[test]
fn text_by_css_is_as_a_reader_sees_it_and_by_xpath_as_it_stands() {
    let page = "<p>\n one\t <b>two</b>\u{a0}<i> three\n</i>  </p>";
    check(
        page,
        &["c=css:p", "x=xpath://p"],
        None,
        "{\"c\":\"one two\u{a0} three\",\"x\":\"\\n one\\t two\u{a0} three\\n  \"}",
    );
    check("<p>\u{1}\"\\\u{2028}</p>", &["c=css:p"], None, "{\"c\":\"\\u0001\\\"\\\\\u{2028}\"}");
}

#[test]
fn an_attribute_is_asked_for_behind_an_at_sign() {
    let page = "<a href='/x?a=1&amp;b=2'>1</a><a>2</a><a HREF=' y '>3</a><svg viewBox='0 0'></svg>";
    check(page, &["u[]=css:a@href"], None, r#"{"u":["/x?a=1&b=2"," y "]}"#);
    check(page, &["u[]=css:a@HREF"], None, r#"{"u":["/x?a=1&b=2"," y "]}"#);
    check(page, &["u=css:a:nth-child(2)@href"], None, r#"{"u":null}"#);
    check(page, &["u=css:svg@viewBox"], None, r#"{"u":"0 0"}"#);
    check("<p title='x@y' data-a.b=1>z", &["u=css:p[title='x@y']"], None, r#"{"u":"z"}"#);
    check("<p title='x@y' data-a.b=1>z", &["u=css:p[title='x@y']@data-a.b"], None, r#"{"u":"1"}"#);
    check("<p class='x@y'>z", &["u=css:.x\\@y"], None, r#"{"u":"z"}"#);
}

/// The page of an old site, as it comes over the wire.
fn gbk_page() -> String {
    let page = concat!(
        "<html><head><title>视频列表</title></head><body><div id=\"morelist\">",
        "<div><table><tr><td>头</td></tr></table><table><tr><td>",
        "<table><tr><td>1</td><td><a href=\"/c/1\">新闻</a> <a href=\"/v/1.html\">第一集</a></td></tr>",
        "<tr><td>2</td><td><a href=\"/c/1\">新闻</a> <a href=\"/v/2.html\">第二集</a></td></tr>",
        "<tr><td>3</td><td>广告</td></tr></table></td></tr></table></div></div>",
        "<div id=\"listvideoList\"><ul><li><div><a href=\"/p/1\">甲</a></div></li>",
        "<li><div><a href=\"/p/2\">乙</a></div></li></ul></div>",
        "<script>var c={srcUrl=\"/m/a.mp4\",vdoUrl=\"x\"}</script></body></html>",
    );
    let (bytes, _, has_gaps) = encoding_rs::GBK.encode(page);
    assert!(!has_gaps && bytes.len() < page.len());
    let (decoded, _, _) = encoding_rs::GBK.decode(&bytes);
    decoded.into_owned()
}

#[test]
fn records_of_a_page_in_gbk() {
    let page = gbk_page();
    let rows = Some("xpath://*[@id=\"morelist\"]/div/table[2]//tr/td/table//tr");
    let fields = ["name=xpath:./td[2]/a[2]/text()", "url=xpath:./td[2]/a[2]/@href"];
    check(
        &page,
        &fields,
        rows,
        concat!(
            r#"[{"name":"第一集","url":"/v/1.html"},{"name":"第二集","url":"/v/2.html"},"#,
            r#"{"name":null,"url":null}]"#
        ),
    );
    let rows = Some("xpath://div[@id=\"listvideoList\"]/ul/li");
    check(
        &page,
        &["u=xpath:./div/a/@href", "t=css:a"],
        rows,
        r#"[{"u":"/p/1","t":"甲"},{"u":"/p/2","t":"乙"}]"#,
    );
    check(&page, &[r#"s=re:srcUrl="(.*?)",vdoUrl"#], None, r#"{"s":"/m/a.mp4"}"#);
}

#[test]
fn a_record_is_where_its_fields_are_looked_for() {
    let rows = Some("css:ul");
    check(SHOP, &["f=css:li", "n=xpath:count(li)"], rows, r#"[{"f":"apple","n":4},{"f":"x","n":2}]"#);
    check(SHOP, &["i=css::scope@id", "k=css:ul"], rows, r#"[{"i":"list","k":null},{"i":null,"k":null}]"#);
    check(SHOP, &["l=css::scope > li:last-child"], rows, r#"[{"l":"date"},{"l":"y"}]"#);
    check(SHOP, &["l=css:div > ul > li"], rows, r#"[{"l":"apple"},{"l":"x"}]"#);
    check(
        SHOP,
        &["h=xpath://h1", "p=xpath:../@id"],
        rows,
        r#"[{"h":"Fruit & more","p":"main"},{"h":"Fruit & more","p":"side"}]"#,
    );
    check(
        SHOP,
        &["d=xpath:.//li[last()]", "s=xpath:string()"],
        rows,
        r#"[{"d":"date","s":"applebananacherrydate"},{"d":"y","s":"xy"}]"#,
    );
    check(SHOP, &["x=css:b"], Some("css:p.x"), r#"[{"x":"bold"}]"#);
    check(SHOP, &["x=css:b"], Some("css:h6"), "[]");
}

#[test]
fn a_pattern_in_a_record_reads_its_html() {
    let rows = Some("css:p, br, svg");
    let page = "<P CLASS=x>a&amp;b<br>&lt;</P><svg viewBox=1><path d=2 /></svg><script>1<2</script>";
    check(
        page,
        &["h[]=re:(?s).*"],
        rows,
        concat!(
            r#"[{"h":["<p class=\"x\">a&amp;b<br>&lt;</p>"]},{"h":["<br>"]},"#,
            r#"{"h":["<svg viewbox=\"1\"><path d=\"2\"></path></svg>"]}]"#
        ),
    );
    check(page, &["h=re:.*"], Some("css:script"), r#"[{"h":"<script>1<2</script>"}]"#);
    check(page, &["h=re:.*"], Some("xpath://p/text()|//@d"), r#"[{"h":"a&amp;b"},{"h":"&lt;"},{"h":"2"}]"#);
}

#[test]
fn a_record_may_be_a_text_or_an_attribute() {
    let rows = Some("xpath://li[@class='b']/@class | //li[@class='b']/text()");
    check(
        SHOP,
        &["v=xpath:.", "p=xpath:name(..)", "c=css:*", "s[]=css::scope"],
        rows,
        r#"[{"v":"b","p":"li","c":null,"s":[]},{"v":"banana","p":"li","c":null,"s":[]}]"#,
    );
}

#[test]
fn what_has_no_tags_has_patterns_only() {
    let fields = ["c=css:p", "x[]=xpath://p", "r=re:p(.)"];
    let found = |rows| extraction(&fields, rows).evaluate("<p>x</p>", Markup::Other, &mut || true);
    assert_eq!(found(None).json, r#"{"c":null,"x":null,"r":">"}"#);
    assert_eq!(found(Some("css:p")).json, "null");
}

#[test]
fn what_was_found_is_kept_when_the_page_has_had_its_share() {
    let page = format!("<title>t</title>{}", "<p>x</p>".repeat(20_000));
    let dear = "d=xpath:count(//p/following-sibling::p[last()])";
    let cut = |fields: &[&str], rows, n_questions: u32| {
        let mut left = n_questions;
        let may_go_on = &mut || {
            left = left.saturating_sub(1);
            left > 0
        };
        let extracted = extraction(fields, rows).evaluate(&page, Markup::Html, may_go_on);
        assert!(extracted.is_cut);
        extracted.json
    };
    assert_eq!(
        cut(&["t=css:title@x", dear, "e=css:title", "r=re:<title>(.)"], None, 40),
        r#"{"t":null,"d":null,"e":null,"r":"t"}"#
    );
    assert_eq!(
        cut(&["t=xpath:string(//title)", dear, "e=css:title"], None, 40),
        r#"{"t":"t","d":null,"e":null}"#
    );
    assert_eq!(cut(&["t=xpath:string(//title)"], None, 1), r#"{"t":null}"#);
    assert_eq!(cut(&["t=xpath:."], Some("xpath://p[not(following::q)]"), 40), "[]");
    let json = cut(&["t=xpath:.", "d=xpath:count(preceding::q)"], Some("css:p"), 60);
    assert!(json.starts_with(r#"[{"t":"x","d":0},{"t":"x","d":0},"#), "{}", &json[..99]);
    assert!(json.ends_with(r#"{"t":"x","d":null}]"#));
}

#[test]
fn fields_that_are_too_long_for_a_row_are_null() {
    let page = format!("<i>s</i>{}<p>{}</p>", "<div>".repeat(400), "x".repeat(50_000));
    let found = extracted(&page, &["s=css:i", "a[]=xpath://*", "r=re:<i>"], None);
    assert_eq!((found.json.as_str(), found.is_cut), (r#"{"s":"s","a":null,"r":"<i>"}"#, true));
    let found = extracted(&page, &["a=xpath://p", "b=xpath://p"], Some("xpath://div"));
    assert!(found.is_cut && found.json.len() <= (4 << 20) + 100, "{}", found.json.len());
    assert!(found.json.ends_with(r#""b":null}]"#) || found.json.ends_with(r#""a":null,"b":null}]"#));
}

/// Each mistake with the option's text, a mark under the character, and the reason.
fn told(fields: &[&str], rows: Option<&str>) -> String {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    let mistakes = Extraction::parse(&fields, rows).expect_err("a mistake");
    let tell = |mistake: &super::Mistake| {
        let option = if mistake.given == Given::Field { "field" } else { "rows" };
        format!("{option} {}\n{option} {}^ {}\n", mistake.text, " ".repeat(mistake.column), mistake.reason)
    };
    mistakes.iter().map(tell).collect()
}

#[test]
fn all_mistakes_are_told_with_their_places() {
    let fields = [
        "title",
        "",
        "=css:p",
        "[]=css:p",
        "  =css:p",
        "a=",
        "a=p",
        "a=:p",
        "a=xml:p",
        "a[]=xpath://p[",
        "价=css:p..x",
        "b=css:p..x@href",
        "c=re:(",
        "d=css:p",
        "d[]=css:p",
        "e=css:@href",
        "f=css:p@",
        "g=CSS:p",
    ];
    let told = told(&fields, Some("re:x"))
        + &told(&["a=css:p"], Some("p"))
        + &told(&[], Some("css:p"))
        + &told(&["a=css:p"], Some("xpath:count(//p)"))
        + &told(&["a=css:p"], Some("css:p@href"));
    assert_eq!(told, include_str!("fixtures/field_mistakes.txt"));
}

/// Numbers that look like chance and are the same each time.
pub(in crate::extract::select) fn seeded(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}
