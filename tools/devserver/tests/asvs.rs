//! `docs/ASVS.md` answers every requirement of its sections once, by number and level, and what it cites is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// Sections of ASVS 5.0.0, and the level of each of their requirements in turn. Taken from OWASP/ASVS,
/// `5.0/docs_en/OWASP_Application_Security_Verification_Standard_5.0.0_en.csv`, which is under CC BY-SA 4.0, as this list is.
const SECTIONS: [(&str, &str); 36] = [
    ("3.3", "12223"),
    ("3.5", "11122333"),
    ("6.1", "122"),
    ("6.2", "111111112222"),
    ("6.3", "11223333"),
    ("6.4", "112233"),
    ("6.5", "22222333"),
    ("6.6", "2223"),
    ("6.7", "33"),
    ("6.8", "2222"),
    ("7.1", "222"),
    ("7.2", "1111"),
    ("7.3", "22"),
    ("7.4", "11222"),
    ("7.5", "223"),
    ("7.6", "22"),
    ("9.1", "111"),
    ("9.2", "1222"),
    ("10.1", "22"),
    ("10.3", "22223"),
    ("10.4", "1111122222233333"),
    ("11.1", "2233"),
    ("11.2", "22233"),
    ("11.3", "11233"),
    ("11.4", "1222"),
    ("11.5", "23"),
    ("11.6", "23"),
    ("11.7", "33"),
    ("13.3", "2233"),
    ("14.2", "12223333"),
    ("14.3", "122"),
    ("16.1", "2"),
    ("16.2", "22222"),
    ("16.3", "2222"),
    ("16.4", "222"),
    ("16.5", "2223"),
];
const PAGE: &str = include_str!("../../../docs/ASVS.md");

#[test]
fn every_requirement_is_answered_once() {
    let asked: Vec<String> = SECTIONS
        .iter()
        .flat_map(|(section, levels)| levels.chars().zip(1..).map(move |(level, n)| format!("{section}.{n} L{level}")))
        .collect();
    let answered: Vec<String> = rows().map(|row| format!("{} L{}", row.number, row.level)).collect();
    // The first that differs says more than two long lists.
    for (answered, asked) in answered.iter().zip(&asked) {
        assert_eq!(answered, asked);
    }
    assert_eq!(answered.len(), asked.len());
    for row in rows() {
        let kind = row.answer.strip_prefix("**").and_then(|rest| rest.split_once("**")).map(|(word, _)| word);
        let cites = !citations(row.answer).is_empty();
        match kind {
            Some("Met." | "Met" | "In part." | "In part") => assert!(cites, "{} shows nothing", row.number),
            Some("Not met" | "N/a") => assert!(row.answer.contains("because"), "{} says no reason", row.number),
            _ => panic!("{}: {}", row.number, row.answer),
        }
    }
}

#[test]
fn what_is_cited_is_there() {
    let mut count = 0;
    for row in rows() {
        for cited in citations(row.answer) {
            let fault = check(&cited);
            assert_eq!(fault, None, "{}: {cited:?}", row.number);
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

#[test]
fn what_is_not_there_would_be_noticed() {
    let here = "tools/devserver/tests/asvs.rs";
    assert_eq!(check(&Cited::Test(here, "every_requirement_is_answered_once")), None);
    for missing in [
        Cited::Test(here, "no_such_test"),
        Cited::Test(here, "every_requirement"),
        // There, and no test.
        Cited::Test(here, "check"),
        Cited::Test("tools/nowhere.rs", "check"),
        Cited::Text(here, &["not ", "here"].concat()),
    ] {
        assert!(check(&missing).is_some(), "{missing:?}");
    }
    let cell = "**Met.** `a.rs::b`, `c/d` \"e f\"; `template.yaml` and `Parameter`";
    assert_eq!(citations(cell), [Cited::Test("a.rs", "b"), Cited::Text("c/d", "e f")]);
}

struct Row<'a> {
    number: &'a str,
    level: &'a str,
    answer: &'a str,
}

/// Those that begin with a requirement's number.
fn rows() -> impl Iterator<Item = Row<'static>> {
    PAGE.lines().filter(|line| line.starts_with('|')).filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let is_numbered = cells[0].starts_with(|c: char| c.is_ascii_digit());
        is_numbered.then(|| {
            let [number, level, _, answer] = cells[..] else { panic!("four cells: {line}") };
            Row { number, level, answer }
        })
    })
}

#[derive(Debug, PartialEq)]
enum Cited<'a> {
    Test(&'a str, &'a str),
    Text(&'a str, &'a str),
}

/// `file::test`, and `file` "text".
fn citations(answer: &str) -> Vec<Cited<'_>> {
    let pieces: Vec<_> = answer.split('`').collect();
    let mut cited = Vec::new();
    for pair in pieces[1..].chunks(2) {
        let [code, after] = pair else { panic!("a backtick is missing: {answer}") };
        if let Some((file, test)) = code.split_once("::") {
            cited.push(Cited::Test(file, test));
        } else if let Some((text, _)) = after.strip_prefix(" \"").and_then(|rest| rest.split_once('"')) {
            cited.push(Cited::Text(code, text));
        }
    }
    cited
}

/// What is wrong with it.
fn check(cited: &Cited) -> Option<&'static str> {
    let (Cited::Test(file, wanted) | Cited::Text(file, wanted)) = *cited;
    let Ok(text) = std::fs::read_to_string(root().join(file)) else { return Some("no such file") };
    if matches!(cited, Cited::Text(..)) {
        return (!text.contains(wanted)).then_some("no such text");
    }
    let Some((before, _)) = text.split_once(&format!("fn {wanted}(")) else { return Some("no such function") };
    // Only attributes and comments are between the mark of a test and its name.
    let lines = before.rsplit_once('\n').map_or("", |(lines, _)| lines);
    let mut marks = lines.lines().rev().map(str::trim).take_while(|line| line.starts_with(['#', '/']));
    let is_test = marks.any(|line| line == "#[test]" || line.starts_with("#[tokio::test"));
    (!is_test).then_some("no test")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
