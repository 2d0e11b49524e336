//! Strings that others have collected because they break programs, through the two endpoints that keep what people type;
//! and addresses with somebody else's verdict on each of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use auth_testing::{Answer, PASSWORD, TestApp};
use common::service;
use naughty_strings::BLNS;
use serde_json::{Value, json};

/// An account for each string, with the string in every member that takes it.
#[tokio::test]
async fn naughty_strings_are_registered_as_typed_or_refused_where_they_stand() {
    assert!(BLNS.len() >= 500, "{}", BLNS.len());
    let crowd = Crowd::new().await;
    let mut accepted = BTreeMap::<&str, usize>::new();
    for &text in BLNS {
        let somebody = crowd.somebody();
        let members = ["email", "username", "password", "full_name", "bio", "birth_date"];
        let mut body: Value = members.iter().map(|&member| (member.to_owned(), json!(text))).collect();
        let answer = loop {
            let answer = crowd.register(&body).await;
            if answer.status == 201 {
                break answer;
            }
            for member in refused(&answer, &body, text) {
                body[&member] = somebody[&member].clone();
            }
        };
        for member in members.into_iter().filter(|&member| body[member] == text) {
            *accepted.entry(member).or_default() += 1;
            if member == "password" {
                let login = json!({ "email": body["email"], "password": text });
                assert_eq!(crowd.app.post("/auth/login", login).await.status, 200, "{text:?} opens its account");
            } else {
                assert_eq!(answer.body["user"][member], text);
            }
        }
    }
    let at_least = [("username", 50), ("password", 50), ("full_name", 350), ("bio", 400)];
    assert!(at_least.iter().all(|(member, least)| accepted.get(member) >= Some(least)), "{accepted:?}");
    crowd.nothing_of_theirs_is_logged();
}

#[tokio::test]
async fn naughty_strings_are_kept_in_a_profile_as_typed_or_refused_where_they_stand() {
    let crowd = Crowd::new().await;
    let user = crowd.app.seed_user("ada").await;
    let (_, tokens) = crowd.app.seed_session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let headers = [("authorization", bearer.as_str())];
    let mut before = crowd.app.get("/auth/profile", &headers).await.body;
    for &text in BLNS {
        let mut body = json!({ "username": text, "full_name": text, "bio": text, "birth_date": text });
        let answer = loop {
            let answer = crowd.app.patch("/auth/profile", &headers, body.clone()).await;
            if answer.status == 200 {
                break answer;
            }
            for member in refused(&answer, &body, text) {
                body.as_object_mut().unwrap().remove(&member);
            }
        };
        let mut expected = before;
        for (member, value) in body.as_object().unwrap() {
            expected["user"][member] = value.clone();
        }
        expected["user"]["updated_at"] = answer.body["user"]["updated_at"].clone();
        let now = crowd.app.get("/auth/profile", &headers).await.body;
        assert_eq!((&answer.body, &now), (&expected, &expected), "what was accepted, and nothing else: {text:?}");
        before = now;
    }
    crowd.nothing_of_theirs_is_logged();
}

/// The string in the place of the body itself.
#[tokio::test]
async fn naughty_strings_are_no_bodies() {
    let crowd = Crowd::new().await;
    for &text in BLNS {
        for path in ["/auth/register", "/auth/login", "/auth/refresh", "/auth/logout"] {
            let answer = crowd.app.request("POST", path, &[("content-type", "application/json")], text).await;
            // Signing out without a token is no fault, and a body may be left out there.
            let empty = text.is_empty() && matches!(path, "/auth/refresh" | "/auth/logout");
            let expected = ["malformed_json", "validation_failed"].contains(&answer.code()) || empty;
            assert!(expected && answer.status < 500, "{path} {text:?}: {} {}", answer.status, answer.text);
        }
    }
    crowd.nothing_of_theirs_is_logged();
}

/// The list says what the RFCs allow. We agree on all that may stand in an SMTP envelope (RFC 5321), but for what is
/// listed here with its reason.
#[tokio::test]
async fn our_verdict_on_an_address_is_the_list_s_or_explained_here() {
    const LONG: &str = "a@a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v";
    // Diagnosis or address, and the policy.
    const REFUSED_BY_POLICY: [(&str, &str); 8] = [
        ("RFC5321_QUOTEDSTRING", "nobody signs up with a quoted local part; hosts disagree about what one means"),
        (
            "RFC5321_ADDRESSLITERAL",
            "a machine's number is nobody's address, and would let mail out to private networks",
        ),
        ("RFC5321_IPV6DEPRECATED", "as every address literal"),
        ("RFC5321_TLD", "a single label is a host of the local network, or a slip"),
        ("test@io", "as every single label"),
        ("RFC5321_TLDNUMERIC", "a number is no top-level domain (RFC 3696, 2): this is an IP address, or a slip"),
        ("test@iana.a", "no top-level domain has one letter"),
        (LONG, "as this one, whose last label is v"),
    ];
    let crowd = Crowd::new().await;
    let list: Vec<(&str, String)> = include_str!("lists/is_email.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap())
        .map(|(diagnosis, address)| (diagnosis, serde_json::from_str(address).unwrap()))
        .collect();
    assert!(list.len() >= 150, "{}", list.len());
    let (mut used, mut differences, mut accepted) = (BTreeSet::<&str>::new(), Vec::new(), 0);
    for (diagnosis, address) in &list {
        let valid = ["VALID", "DNSWARN_", "RFC5321_"].iter().any(|kind| diagnosis.starts_with(kind));
        let policy = REFUSED_BY_POLICY.iter().find(|(what, _)| what == diagnosis || what == address);
        used.extend(policy.map(|(what, _)| *what));
        let mut body = crowd.somebody();
        body["email"] = json!(address);
        let answer = crowd.register(&body).await;
        if answer.status == 201 {
            accepted += 1;
            assert_eq!(answer.body["user"]["email"], **address);
        } else {
            assert_eq!(refused(&answer, &body, address), ["email"]);
        }
        if (answer.status == 201) != (valid && policy.is_none()) {
            differences.push(format!("{diagnosis} {address:?}: {}", answer.status));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(used.len(), REFUSED_BY_POLICY.len(), "a policy that nothing on the list needs");
    assert!(accepted >= 18, "{accepted}");
    crowd.nothing_of_theirs_is_logged();
}

/// People who come from a network each, so that no throttle is in the way.
struct Crowd {
    app: TestApp,
    count: std::cell::Cell<u32>,
}

impl Crowd {
    async fn new() -> Self {
        Self { app: service().await, count: 0.into() }
    }

    /// Good values of somebody who is not there yet.
    fn somebody(&self) -> Value {
        let name = format!("somebody{}", self.count.get());
        json!({
            "email": format!("{name}@example.com"), "username": name, "password": PASSWORD,
            "full_name": null, "bio": null, "birth_date": null,
        })
    }

    async fn register(&self, body: &Value) -> Answer {
        let [_, _, high, low] = self.count.replace(self.count.get() + 1).to_be_bytes();
        self.app.from(&format!("198.18.{high}.{low}")).post("/auth/register", body.clone()).await
    }

    /// Every line is made of our words, ids and numbers: no text of anybody's can be among them.
    fn nothing_of_theirs_is_logged(&self) {
        const IDS: [&str; 5] = ["request_id", "network", "actor", "subject", "session_id"];
        const WORDS: [&str; 23] = [
            "info",
            "request",
            "event",
            "POST",
            "PATCH",
            "GET",
            "/auth/register",
            "/auth/login",
            "/auth/refresh",
            "/auth/logout",
            "/auth/profile",
            "registered",
            "signed_in",
            "malformed_json",
            "validation_failed",
            "username_taken",
            "email_taken",
            "too_many_requests",
            "invalid_credentials",
            "sign_in_refused",
            "invalid_refresh_token",
            "conflict",
            "forbidden",
        ];
        let lines = self.app.log.lines();
        assert!(lines.len() >= 150, "{}", lines.len());
        for line in lines {
            let record: Value = serde_json::from_str(&line).unwrap();
            for (member, value) in record.as_object().unwrap() {
                let is_ours = match value {
                    Value::Number(_) => ["status", "duration_ms"].contains(&member.as_str()),
                    Value::String(id) if IDS.contains(&member.as_str()) => {
                        id.len() <= 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
                    }
                    Value::String(word) => WORDS.contains(&word.as_str()),
                    _ => false,
                };
                assert!(is_ours, "{member} in {line}");
            }
        }
    }
}

/// The members that were refused: by a documented answer that names members which hold the text, and no others,
/// and does not repeat it.
fn refused(answer: &Answer, body: &Value, text: &str) -> Vec<String> {
    let members: Vec<String> = match (answer.status, answer.code()) {
        (409, code) => vec![code.strip_suffix("_taken").unwrap().to_owned()],
        (422, "validation_failed") => {
            let errors = answer.body["errors"].as_array().unwrap();
            // Short ones are words of ours by chance.
            let detail = |error: &Value| error["detail"].as_str().unwrap().to_owned();
            assert!(text.len() < 12 || !errors.iter().any(|error| detail(error).contains(text)), "{}", answer.text);
            errors.iter().map(|error| error["pointer"].as_str().unwrap().trim_start_matches('/').to_owned()).collect()
        }
        _ => panic!("{text:?}: {} {}", answer.status, answer.text),
    };
    assert!(!members.is_empty() && members.iter().all(|member| body[member] == text), "{text:?}: {}", answer.text);
    members
}
