//! What is read from bodies, from arguments to a plan.

use std::fs;

use super::{INPUT, crawl_with, mistakes_with, plan, plan_with};
use crate::cli::Parsed;
use crate::crawl::shape_difference;

#[test]
fn fields_are_kept_as_they_were_typed() {
    let plan =
        plan(&["--extract", "b=css:p", "--extract", "a[]=xpath://p", "--extract-rows", "css:li", INPUT]);
    assert_eq!(plan.extract.fields, ["b=css:p", "a[]=xpath://p"]);
    assert_eq!(plan.extract.rows.as_deref(), Some("css:li"));
}

#[test]
fn fields_may_stand_in_a_variable_or_a_file() {
    let variables = [("MYRIAPOD_EXTRACT", "a=css:p\nb[]=re:x"), ("MYRIAPOD_EXTRACT_ROWS", "css:li")];
    assert_eq!(plan_with(&[INPUT], &variables).extract.fields, ["a=css:p", "b[]=re:x"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.toml");
    fs::write(&path, "extract = ['a=xpath://p[1]']\n").unwrap();
    assert_eq!(plan(&["--config", path.to_str().unwrap(), INPUT]).extract.fields, ["a=xpath://p[1]"]);
}

#[test]
fn fields_in_another_order_are_another_shape() {
    let shape = |line: &[&str]| plan(&line.iter().copied().chain([INPUT]).collect::<Vec<_>>()).shape;
    let one = ["--extract", "a=css:p", "--extract", "b=css:p"];
    let other = ["--extract", "b=css:p", "--extract", "a=css:p"];
    assert_eq!(shape_difference(&shape(&one), &shape(&one)), None);
    assert_eq!(shape_difference(&shape(&one), &shape(&other)), Some(vec!["extract".to_owned()]));
    let rows = [&one[..], &["--extract-rows", "css:li"]].concat();
    assert_eq!(shape_difference(&shape(&one), &shape(&rows)), Some(vec!["extract-rows".to_owned()]));
}

#[test]
fn all_mistakes_are_told_with_a_mark_under_the_character() {
    let line = [
        "--extract",
        "a=xpath://p[",
        "--extract",
        "漢=css:p..x",
        "--extract",
        "b=re:\u{1b}(",
        "--extract",
        "c",
        "--extract-rows",
        "xpath:1",
        INPUT,
    ];
    assert_eq!(mistakes_with(&line, &[]).join("\n"), include_str!("extraction_mistakes.txt").trim_end());
}

#[test]
fn records_need_fields() {
    let mistakes = mistakes_with(&["--extract-rows", "css:li", INPUT], &[]);
    assert!(mistakes[0].starts_with("--extract-rows css:li: records have no fields"), "{mistakes:?}");
    assert!(matches!(crawl_with(&["--extract", "a=css:p", INPUT], &[]), Parsed::Plan { .. }));
}
