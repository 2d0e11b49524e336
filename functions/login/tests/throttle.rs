//! How often a sign-in may be tried, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use auth_testing::{Answer, ISSUER, PASSWORD, TestApp};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn app() -> TestApp {
    let app = TestApp::new(router).await;
    app.seed_user("ada").await;
    app.app.warm().await;
    app.wire.take_calls();
    app
}

fn router(t: &TestApp) -> axum::Router {
    let (app, hasher, signer, throttle) = (t.app.clone(), t.hasher.clone(), t.signer.clone(), t.throttle.clone());
    login::router(login::Login { app, hasher, signer, throttle })
}

/// The same service, in an instance that has seen nothing yet.
fn fresh_instance(app: &TestApp) -> TestApp {
    let fresh = app.instance();
    fresh.mount(router(&fresh))
}

async fn sign_in(app: &TestApp, password: &str) -> Answer {
    app.post("/auth/login", json!({ "email": "ada@example.com", "password": password })).await
}

async fn guess(app: &TestApp) -> Answer {
    sign_in(app, "wrong horse battery staple 42").await
}

/// A sign-in by cookie transport; the device cookie that came of it, if one did.
async fn browser(app: &TestApp, device: Option<&str>, password: &str) -> (Answer, Option<String>) {
    let body = json!({ "email": "ada@example.com", "password": password, "transport": "cookie" }).to_string();
    let cookie = format!("__Host-device={}", device.unwrap_or("none"));
    let answer = app.request("POST", "/auth/login", &[JSON, ("origin", ISSUER), ("cookie", &cookie)], body).await;
    let mut cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let device = cookies.find_map(|cookie| cookie.strip_prefix("__Host-device=")?.split(';').next());
    let device = device.map(str::to_owned);
    (answer, device)
}

fn elsewhere(app: &TestApp, i: usize) -> TestApp {
    app.from(&format!("198.51.{}.{}", i / 256, i % 256))
}

#[tokio::test]
async fn one_network_has_ten_tries_in_a_quarter_of_an_hour() {
    let app = app().await;
    let hashes = app.hasher.count();
    for _ in 0..10 {
        assert_eq!(guess(&app).await.code(), "invalid_credentials");
    }
    let answer = sign_in(&fresh_instance(&app), PASSWORD).await;
    assert_eq!((answer.status, answer.code()), (429, "too_many_requests"), "the right password as well");
    assert_eq!(answer.header("retry-after"), Some("900"));
    assert_eq!(app.hasher.count() - hashes, 10);
    assert_eq!(sign_in(&elsewhere(&app, 1), PASSWORD).await.status, 200, "another network");

    app.clock.advance(Duration::from_mins(15));
    assert_eq!(sign_in(&app, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_throttled_try_costs_one_write_and_none_where_the_instance_knows() {
    let app = app().await;
    for _ in 0..10 {
        guess(&app).await;
    }
    app.wire.take_calls();
    app.wire.slow(Duration::from_millis(50));
    let other = fresh_instance(&app);
    assert_eq!(guess(&other).await.status, 429);
    let calls = app.wire.take_calls();
    let mut operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["GetItem", "UpdateItem"]);
    assert_eq!(app.wire.serial_round_trips(&calls), 1, "in parallel with the read");
    app.clock.advance(Duration::from_secs(30));
    let again = guess(&other).await;
    assert_eq!(
        (again.status, again.header("retry-after")),
        (429, Some("870")),
        "the time that it takes, not the instance's"
    );
    assert!(app.operations().is_empty());
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(guess(&other).await.status, 429);
    assert_eq!(app.operations().len(), 2, "it asks again after a minute: a success may have cleared the bucket");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_parallel_guesses_no_more_than_the_budget_reach_the_hash() {
    for networks in [1, 200] {
        let app = app().await;
        let hashes = app.hasher.count();
        let guesses: Vec<_> = (0..200)
            .map(|i| {
                let app = elsewhere(&fresh_instance(&app), i % networks);
                tokio::spawn(async move { guess(&app).await })
            })
            .collect();
        let (mut compared, mut refused, mut unanswered) = (0, 0, 0);
        for one in guesses {
            let answer = one.await.unwrap();
            match answer.status {
                401 => compared += 1,
                429 => refused += u64::from(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0),
                // All at once are a lot for a busy machine: one that the engine answers too late is no guess either.
                503 => unanswered += 1,
                _ => panic!("{}", answer.text),
            }
        }
        let budget = if networks == 1 { 10 } else { 50 };
        assert_eq!(app.hasher.count() - hashes, compared);
        assert!(compared <= budget, "{compared} compared");
        if unanswered == 0 {
            assert_eq!((compared, refused), (budget, 200 - budget), "{networks} networks");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_does_not_lock_the_owner_s_known_browser_out() {
    let app = app().await;
    let (answer, device) = browser(&app, None, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let device = device.expect("a device cookie");
    let flood = tokio::spawn({
        let app = app.clone();
        async move {
            for i in 0..200 {
                guess(&elsewhere(&app, i)).await;
            }
        }
    });
    for _ in 0..20 {
        let (answer, again) = browser(&app, Some(&device), PASSWORD).await;
        assert_eq!((answer.status, again), (200, None), "known, and told so once");
    }
    flood.await.unwrap();
    assert_eq!(browser(&app, Some(&device), PASSWORD).await.0.status, 200);
    let (answer, _) = browser(&elsewhere(&app, 999), None, PASSWORD).await;
    assert_eq!(answer.status, 429, "an unknown browser is told to come back");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 3600);
}

#[tokio::test]
async fn a_known_browser_has_a_budget_of_its_own_and_not_more() {
    let app = app().await;
    let device = browser(&app, None, PASSWORD).await.1.unwrap();
    let hashes = app.hasher.count();
    let mut statuses = Vec::new();
    for i in 0..12 {
        statuses.push(browser(&elsewhere(&app, i), Some(&device), "wrong horse battery staple 42").await.0.status);
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat(), "wherever it is");
    assert_eq!(app.hasher.count() - hashes, 10);
}

#[tokio::test]
async fn a_device_is_known_to_its_account_and_epoch_alone() {
    let app = app().await;
    let bob = app.seed_user("bob").await;
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "transport": "cookie" }).to_string();
    let answer = app.request("POST", "/auth/login", &[JSON, ("origin", ISSUER)], body).await;
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let bobs = set.iter().find_map(|cookie| cookie.strip_prefix("__Host-device=")).unwrap().split(';').next().unwrap();
    let hashes = app.hasher.count();
    for i in 0..200 {
        browser(&elsewhere(&app, i % 20), Some(bobs), "wrong horse battery staple 42").await;
    }
    assert!(app.hasher.count() - hashes <= 50, "another's cookie buys no tries");

    let user = app.seed_user("carol").await;
    let body = |password: &str| json!({ "email": "carol@example.com", "password": password, "transport": "cookie" });
    let sign_in = async |cookie: &str| {
        let headers = [JSON, ("origin", ISSUER), ("cookie", cookie)];
        app.request("POST", "/auth/login", &headers, body(PASSWORD).to_string()).await
    };
    let first = sign_in("a=b").await;
    let set: Vec<_> = first.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let cookie = set.iter().find(|cookie| cookie.starts_with("__Host-device=")).unwrap().split(';').next().unwrap();
    assert_eq!(sign_in(cookie).await.headers.get_all("set-cookie").iter().count(), 1, "known");
    app.raise_epoch(&user, 1).await;
    assert_eq!(sign_in(cookie).await.headers.get_all("set-cookie").iter().count(), 2, "known anew after an epoch");
    drop(bob);
}

#[tokio::test]
async fn a_success_forgets_the_failures() {
    let app = app().await;
    for round in 0..8 {
        for _ in 0..9 {
            assert_eq!(guess(&app).await.status, 401, "round {round}");
        }
        assert_eq!(sign_in(&app, PASSWORD).await.status, 200, "round {round}");
    }
}

#[tokio::test]
async fn who_never_fails_is_never_refused_and_pays_for_one_write_in_five() {
    let app = app().await;
    app.wire.take_calls();
    for _ in 0..40 {
        assert_eq!(sign_in(&app, PASSWORD).await.status, 200);
    }
    let updates = app.operations().into_iter().filter(|operation| operation == "UpdateItem").count();
    assert_eq!(updates, 40 + 8);
}

#[tokio::test]
async fn failures_in_a_row_lock_strangers_out_for_as_long_as_they_are_remembered() {
    let app = app().await;
    for i in 0..50 {
        assert_eq!(guess(&elsewhere(&app, i)).await.status, 401);
    }
    app.clock.advance(Duration::from_hours(29 * 24));
    assert_eq!(sign_in(&app, PASSWORD).await.status, 429);
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(sign_in(&app, PASSWORD).await.status, 200, "though nothing was swept");
}

#[tokio::test]
async fn an_unknown_account_is_throttled_like_a_known_one() {
    let (known, unknown) = (app().await, app().await);
    for i in 0..12 {
        let body = |name: &str| json!({ "email": format!("{name}@example.com"), "password": "wrong horse" });
        let one = known.post("/auth/login", body("ada")).await;
        let two = unknown.post("/auth/login", body("nobody")).await;
        assert_eq!(
            (one.status, one.code(), one.header("retry-after")),
            (two.status, two.code(), two.header("retry-after")),
            "{i}"
        );
        let operations = |app: &TestApp| {
            let mut operations = app.operations();
            operations.sort_unstable();
            operations
        };
        assert_eq!(operations(&known), operations(&unknown));
    }
}

#[tokio::test]
async fn neither_the_table_nor_the_log_holds_an_address() {
    let app = app().await;
    for _ in 0..11 {
        guess(&app.from("203.0.113.77")).await;
    }
    sign_in(&app.from("203.0.113.88"), PASSWORD).await;
    let lines = app.log.lines();
    assert!(lines.iter().any(|line| line.contains("sign_in_throttled")));
    let networks: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["network"].clone()).collect();
    assert!(networks.iter().any(Value::is_string), "a keyed hash");
    let all = format!("{lines:?} {}", app.whole_table().await);
    for secret in ["203.0.113.77", "203.0.113.88"] {
        assert!(!all.contains(secret));
    }
}

#[tokio::test]
async fn without_the_key_of_pseudonyms_nobody_signs_in_unthrottled() {
    let app = app().await;
    let keyless = app.without_pseudonyms();
    let keyless = keyless.mount(router(&keyless));
    let answer = sign_in(&keyless, PASSWORD).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
}

#[tokio::test]
async fn signing_in_again_ends_the_session_that_the_browser_had() {
    let app = app().await;
    let user =
        app.app.store.credential_by_email(&auth::Email::parse("ada@example.com").unwrap()).await.unwrap().unwrap();
    let sign_in = async |cookie: &str| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "cookie" }).to_string();
        app.request("POST", "/auth/login", &[JSON, ("origin", ISSUER), ("cookie", cookie)], body).await
    };
    let first = sign_in("a=b").await;
    let set: Vec<_> = first.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let refresh = set.iter().find(|cookie| cookie.starts_with("__Host-refresh=")).unwrap().split(';').next().unwrap();
    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("PutItem", auth_testing::Fault::ServerError);
    }
    assert_eq!(sign_in(refresh).await.status, 503);
    app.wire.settle().await;
    assert_eq!(app.app.store.sessions_of(user.user_id).await.unwrap().len(), 1, "a failed sign-in ends nothing");
    assert_eq!(sign_in(refresh).await.status, 200);
    let sessions = app.app.store.sessions_of(user.user_id).await.unwrap();
    assert_eq!(sessions.len(), 1, "the new one");
    assert!(app.log.lines().iter().any(|line| line.contains("\"session_revoked\"")));
}

#[tokio::test]
async fn a_right_mac_on_another_lineage_in_the_browser_s_cookie_is_an_alarm() {
    let app = app().await;
    let email = auth::Email::parse("ada@example.com").unwrap();
    let user_id = app.app.store.credential_by_email(&email).await.unwrap().unwrap().user_id;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "cookie" }).to_string();
    let headers = [JSON, ("origin", ISSUER)];
    assert_eq!(app.request("POST", "/auth/login", &headers, body.clone()).await.status, 200);
    let session = app.app.store.sessions_of(user_id).await.unwrap().remove(0);
    let key = app.keys.mac_key(app.clock.now()).unwrap();
    let forged = auth::RefreshToken::first(user_id, session.id, key, [9; 16]).seal(key);
    let cookie = format!("__Host-refresh={}", &*forged);
    let answer = app.request("POST", "/auth/login", &[JSON, ("origin", ISSUER), ("cookie", &cookie)], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.app.store.sessions_of(user_id).await.unwrap().len(), 2, "it ends nothing");
    let lines = app.log.lines();
    assert!(lines.iter().any(|line| line.contains("foreign_lineage") && line.contains("\"warn\"")), "{lines:?}");
}

#[tokio::test]
async fn the_viewer_s_address_counts_where_the_distribution_proves_itself_and_nowhere_else() {
    let keys = auth::KeySet::from_json(&auth_testing::with_origin_proof("proof")).unwrap();
    let app = TestApp::with_keys(keys, router).await;
    app.seed_user("ada").await;
    app.app.warm().await;
    let guess = async |address: &str, proof: &str| {
        let body = json!({ "email": "ada@example.com", "password": "wrong horse" }).to_string();
        let headers = [JSON, ("x-viewer-address", address), ("x-origin-proof", proof)];
        app.request("POST", "/auth/login", &headers, body).await.status
    };
    for i in 0..10 {
        assert_eq!(guess(&format!("203.0.113.{i}"), "not the proof").await, 401);
    }
    assert_eq!(guess("203.0.113.99", "not the proof").await, 429, "a header without proof is nobody's address");
    assert_eq!(guess("203.0.113.99", "proof").await, 401, "another viewer behind the same distribution");
    assert_eq!(guess("no address", "proof").await, 429, "nonsense falls back to the peer");
}

#[tokio::test]
async fn who_goes_around_the_distribution_is_refused_before_anything_is_done_for_them() {
    let keys = auth::KeySet::from_json(&auth_testing::with_origin_proof("proof")).unwrap();
    let mut app = TestApp::with_keys(keys, router).await;
    app.seed_user("ada").await;
    std::sync::Arc::make_mut(&mut app.app.config).requires_origin_proof = true;
    let app = app.mount(router(&app));
    let sign_in = async |proof: &[(&str, &str)]| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
        app.request("POST", "/auth/login", &[proof, &[JSON]].concat(), body).await
    };
    app.wire.take_calls();
    let answer = sign_in(&[]).await;
    assert_eq!((answer.status, &answer.body["code"]), (403, &"forbidden".into()));
    assert_eq!(app.wire.take_calls().len(), 0);

    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("GetItem", auth_testing::Fault::ServerError);
    }
    assert_eq!(sign_in(&[("x-origin-proof", "proof")]).await.status, 503, "nobody knows the proof yet");
    assert_eq!(sign_in(&[("x-origin-proof", "proof")]).await.status, 200);

    app.wire.take_calls();
    for proof in ["", "Proof", "proof ", "another"] {
        assert_eq!(sign_in(&[("x-origin-proof", proof)]).await.status, 403, "{proof}");
    }
    assert_eq!(app.wire.take_calls().len(), 0);
}

#[tokio::test]
async fn a_guesser_s_own_tries_do_not_come_back_when_the_owner_signs_in() {
    let app = app().await;
    let guesser = app.from("198.51.100.1");
    let wrong = async |app: &TestApp, name: &str| {
        let body = json!({ "email": format!("{name}@example.com"), "password": "wrong horse" });
        app.post("/auth/login", body).await.status
    };
    for name in ["ada", "nobody"] {
        for _ in 0..10 {
            assert_eq!(wrong(&guesser, name).await, 401);
        }
    }
    assert_eq!(sign_in(&app, PASSWORD).await.status, 200, "which clears her own tries and the failures in a row");
    let later = fresh_instance(&app).from("198.51.100.1");
    assert_eq!((wrong(&later, "ada").await, wrong(&later, "nobody").await), (429, 429));
}

// What remains (docs/THREAT-MODEL.md): the failures in a row are counted over all networks, and a stranger's success ends
// the row for everybody.
#[tokio::test]
async fn the_fifty_first_guess_shows_an_owner_who_came_as_a_stranger_and_none_from_a_known_browser() {
    for (is_known, expected) in [(false, 401), (true, 429)] {
        let app = app().await;
        let device = browser(&app, None, PASSWORD).await.1.unwrap();
        let guess = async |i: usize| guess(&elsewhere(&fresh_instance(&app), i / 10)).await.status;
        for i in 0..45 {
            assert_eq!(guess(i).await, 401);
        }
        assert_eq!(browser(&app, is_known.then_some(&device), PASSWORD).await.0.status, 200);
        let mut last = 0;
        for i in 45..51 {
            last = guess(i).await;
        }
        assert_eq!(last, expected, "known: {is_known}");
    }
}

#[tokio::test]
async fn a_bucket_does_not_keep_the_windows_that_are_over() {
    let app = app().await;
    for round in 0..6 {
        for i in 0..20 {
            guess(&elsewhere(&app, round * 20 + i)).await;
        }
        assert_eq!(sign_in(&app, PASSWORD).await.status, 200);
        app.clock.advance(Duration::from_mins(15));
    }
    assert_eq!(sign_in(&app, PASSWORD).await.status, 200);
    let table = app.whole_table().await;
    let counters = table.matches("#1").count();
    assert!(counters < 80, "{counters}");
}

#[tokio::test]
async fn a_racing_sign_in_ends_no_session_that_was_carried_to_a_newer_epoch() {
    let app = app().await;
    let user = app.seed_user("dora").await;
    for _ in 0..40 {
        let account = app.app.store.account(user.id).await.unwrap().unwrap();
        let (kept, _) = app.seed_session(&account.user).await;
        let hold = app.wire.hold("PutItem");
        let racing = tokio::spawn({
            let app = fresh_instance(&app).from("198.51.100.9");
            async move { app.post("/auth/login", json!({ "email": "dora@example.com", "password": PASSWORD })).await }
        });
        hold.reached().await;
        app.app.store.sessions_revoke_all(&account.user, Some(&kept)).await.unwrap();
        hold.release();
        assert_eq!(racing.await.unwrap().status, 200);
        let account = app.app.store.account(user.id).await.unwrap().unwrap();
        let left = app.app.store.sessions_of(user.id).await.unwrap();
        assert!(left.iter().any(|session| session.id == kept.id && account.honours(session.session_epoch)));
        app.app.store.session_delete(user.id, kept.id).await.unwrap();
    }
}

#[tokio::test]
async fn another_account_s_device_cookie_does_not_use_up_right_sign_ins() {
    let app = app().await;
    app.seed_user("bob").await;
    let device = browser(&app, None, PASSWORD).await.1.expect("Ada's device cookie");
    let cookie = format!("__Host-device={device}");
    for i in 0..25 {
        // Bob, in the browser that Ada once used, by body transport: the cookie stays hers.
        let body = json!({ "email": "bob@example.com", "password": PASSWORD }).to_string();
        let answer = app.request("POST", "/auth/login", &[JSON, ("cookie", &cookie)], body).await;
        assert_eq!(answer.status, 200, "{i}");
    }
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(browser(&app, Some(&device), "wrong horse battery staple 42").await.0.status);
    }
    assert_eq!(statuses, [vec![401; 10], vec![429]].concat(), "nor does it give Ada's browser more tries than it has");
}
