//! Every command on users, against a real DynamoDB engine.

use crate::operator::{app, failure, json, run};
use admin::Failure;
use auth_testing::{Fault, PASSWORD, TestApp};
use serde_json::{Value, json};

async fn epochs(app: &TestApp, user: &auth::User) -> [Value; 2] {
    let credential = app.item(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL").await;
    let user = app.item(&format!("USER#{}", user.id), "USER").await;
    [user["session_epoch"].clone(), credential["session_epoch"].clone()]
}

async fn login_status(app: &TestApp) -> u16 {
    app.post("/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD })).await.status
}

#[tokio::test]
async fn a_superuser_is_an_administrator_who_can_sign_in() {
    let app = app().await;
    let line = "--json users create-superuser --email ada@example.com --username ada --password-stdin";
    let session = run(&app, line, &format!("{PASSWORD}\n"), false).await;
    session.result.as_ref().unwrap();
    let user = serde_json::from_str::<Value>(&session.output).unwrap()["user"].clone();
    assert_eq!(
        (&user["username"], &user["roles"], &user["status"]),
        (&json!("ada"), &json!(["admin"]), &json!("active"))
    );
    assert_eq!(
        session.audit(),
        [json!({
            "level": "info", "message": "event", "event": "admin_superuser_created",
            "actor": "operator", "subject": user["id"],
        })]
    );
    let answer = app.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await;
    assert_eq!((answer.status, &answer.body["user"]["roles"]), (200, &json!(["admin"])));
}

#[tokio::test]
async fn a_superusers_password_keeps_the_policy_and_is_given_somehow() {
    let app = app().await;
    let line = "users create-superuser --email ada@example.com --username ada";
    for (password, expected) in [
        ("too short\n", "This password is too short."),
        ("\n", "no password was given"),
        ("", "no password was given"),
        (&"x".repeat(300), "A password has at most 256 characters."),
    ] {
        let session = run(&app, &format!("{line} --password-stdin"), password, false).await;
        let failure = session.result.unwrap_err().to_string();
        assert!(failure.starts_with(expected), "{failure}");
    }
    assert!(matches!(failure(&app, line).await, Failure::NoPassword));
    assert_eq!(app.items().await.len(), 1, "the key set alone");
}

#[tokio::test]
async fn a_superuser_takes_nobodys_place() {
    let app = app().await;
    app.seed_user("ada").await;
    let before = app.items().await;
    for (email, username, expected) in [
        ("ada@example.com", "bob", "an account with this e-mail address exists"),
        ("bob@example.com", "ADA", "an account with this username exists"),
    ] {
        let line = format!("users create-superuser --email {email} --username {username} --password-stdin");
        let session = run(&app, &line, PASSWORD, false).await;
        assert_eq!(session.result.unwrap_err().to_string(), expected);
    }
    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn a_user_is_shown_by_id_address_or_name() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let expected = json!({ "user": {
        "id": user.id.to_string(), "email": "ada@example.com", "email_verified": false, "username": "ada",
        "full_name": null, "bio": null, "birth_date": null, "status": "active", "roles": [],
        "session_epoch": 0, "version": 1,
        "created_at": "2026-11-24T09:30:00Z", "updated_at": "2026-11-24T09:30:00Z",
    }, "sign_in": {
        "by_email": { "failures": 0, "locked_until": null }, "by_username": { "failures": 0, "locked_until": null },
    }});
    for line in [
        &format!("users show {}", user.id),
        "users show Ada@EXAMPLE.com",
        "users show ADA",
        "users find --email ada@example.com",
        "users find --username ada",
    ] {
        assert_eq!(json(&app, line).await, expected, "{line}");
    }
    let session = run(&app, "users show ada", "", false).await;
    assert!(session.output.contains("email          ada@example.com (not verified)\n"), "{}", session.output);
    assert_eq!(session.audit()[0]["event"], "admin_user_shown");
    assert_eq!(session.audit()[0]["subject"], user.id.to_string());
}

#[tokio::test]
async fn what_a_user_wrote_does_not_steer_the_terminal() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    app.update(&format!("USER#{}", user.id), "USER", "bio", "one\r\ntwo").await;
    let session = run(&app, "users show ada", "", false).await;
    assert!(session.output.contains("bio            one\\r\\ntwo\n"), "{}", session.output);
}

#[tokio::test]
async fn nobody_is_found_where_nobody_is() {
    let app = app().await;
    app.seed_user("ada").await;
    let nobody = "01a5e0c4-8a9d-7b3e-9f10-2f6f0d8f9a11";
    for line in [
        &format!("users show {nobody}"),
        "users show bob",
        "users find --email bob@example.com",
        "users disable bob",
        "users enable bob",
        "users set-roles bob admin",
        "users sessions bob",
        "users revoke bob",
        "users unlock bob",
    ] {
        assert!(matches!(failure(&app, line).await, Failure::NoSuchUser), "{line}");
    }
    let line = format!("users revoke ada --session {nobody}");
    assert!(matches!(failure(&app, &line).await, Failure::NoSuchSession));
}

#[tokio::test]
async fn users_are_listed_page_by_page() {
    let app = app().await;
    let mut expected = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        expected.push(app.seed_user(name).await.id.to_string());
    }
    let (mut found, mut line) = (Vec::new(), "users list --limit 2".to_owned());
    loop {
        let page = json(&app, &line).await;
        found.extend(page["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        line = format!("users list --limit 2 --after {next}");
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let text = run(&app, "users list", "", false).await;
    assert!(text.output.starts_with("ID "), "{}", text.output);
    assert_eq!(text.output.lines().count(), 4);
    assert_eq!(text.audit()[0]["event"], "admin_users_listed");
    assert!(matches!(failure(&app, "users list --after nonsense").await, Failure::Refused(_)));
}

#[tokio::test]
async fn a_disabled_user_can_neither_sign_in_nor_go_on_until_enabled_again() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (old, _) = app.seed_session(&user).await;
    assert_eq!(login_status(&app).await, 200);

    let disabled = json(&app, "users disable ada").await;
    assert_eq!(disabled, json!({ "user_id": user.id.to_string(), "status": "disabled", "session_epoch": 1 }));
    assert_eq!(login_status(&app).await, 401);
    let account = app.app.store.account(user.id).await.unwrap().unwrap();
    assert!(!account.honours(old.session_epoch) && !account.honours(1));
    assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
    assert_eq!(app.item(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL").await["status"], "disabled");

    let enabled = json(&app, "users enable ada@example.com").await;
    assert_eq!(enabled, json!({ "user_id": user.id.to_string(), "status": "active", "session_epoch": 2 }));
    assert_eq!(login_status(&app).await, 200);
    let account = app.app.store.account(user.id).await.unwrap().unwrap();
    assert!(!account.honours(old.session_epoch), "what ended stays ended");
    assert_eq!(account.user.version, 3);
}

#[tokio::test]
async fn roles_are_replaced_and_said_to_come_with_the_next_token() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let set = json(&app, "users set-roles ada editor admin editor").await;
    assert_eq!(set, json!({ "user_id": user.id.to_string(), "roles": ["admin", "editor"] }));
    let roles = app.item(&format!("ROLES#{}", user.id), "ROLES").await;
    assert_eq!((&roles["roles"], &roles["v"]), (&json!(["admin", "editor"]), &json!(1)));
    assert_eq!(epochs(&app, &user).await, [json!(0), json!(0)]);
    let session = run(&app, "--yes users set-roles ada", "", false).await;
    assert!(session.output.contains("none.\nThey appear in the next access token"), "{}", session.output);
    assert_eq!(session.audit()[0]["event"], "admin_roles_set");
    assert_eq!(json(&app, "users show ada").await["user"]["roles"], json!([]));
}

#[tokio::test]
async fn sessions_are_listed_with_what_they_are_still_good_for() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (void, _) = app.seed_session(&user).await;
    app.update(&format!("SESSION#{}", user.id), &void.id.to_string(), "session_epoch", 7).await;
    let (expired, _) = app.seed_session(&user).await;
    app.update(&format!("SESSION#{}", user.id), &expired.id.to_string(), "idle_expires_at", 1).await;
    let (live, _) = app.seed_session(&user).await;
    let listed = json(&app, "users sessions ada").await;
    let state = |id: auth::SessionId| {
        let sessions = listed["sessions"].as_array().unwrap();
        let session = sessions.iter().find(|session| session["id"] == id.to_string()).unwrap();
        session["state"].clone()
    };
    assert_eq!([state(void.id), state(expired.id), state(live.id)], [json!("void"), json!("expired"), json!("live")]);
    let mut members: Vec<_> = listed["sessions"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["client", "created_at", "expires_at", "id", "last_used_at", "state"]);
    let text = run(&app, "users sessions ada", "", false).await;
    assert_eq!(text.output.lines().count(), 4, "{}", text.output);
}

#[tokio::test]
async fn one_session_ends_or_all_of_them() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (one, _) = app.seed_session(&user).await;
    let (other, _) = app.seed_session(&user).await;
    let ended = json(&app, &format!("users revoke ada --session {}", one.id)).await;
    assert_eq!(ended["session_id"], one.id.to_string());
    let left = app.app.store.sessions_of(user.id).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!(epochs(&app, &user).await, [json!(0), json!(0)]);

    let ended = json(&app, "users revoke ada").await;
    assert_eq!(ended, json!({ "user_id": user.id.to_string(), "session_id": null, "session_epoch": 1 }));
    assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
    assert!(!app.app.store.account(user.id).await.unwrap().unwrap().honours(other.session_epoch));
    assert_eq!(login_status(&app).await, 200, "the account stays open");
}

#[tokio::test]
async fn what_takes_something_away_is_asked_about_first() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, _) = app.seed_session(&user).await;
    let one = format!("users revoke ada --session {}", session.id);
    let before = app.items().await;
    for line in ["users disable ada", "users revoke ada", &one, "users set-roles ada admin"] {
        for (answer, can_ask) in [("n\n", true), ("\n", true), ("", true), ("y\n", false)] {
            let session = run(&app, line, answer, can_ask).await;
            match session.result {
                Err(Failure::NotConfirmed) if can_ask => {
                    assert!(session.notes.ends_with(" [y/N] "), "{}", session.notes);
                }
                Err(Failure::NobodyToAsk) if !can_ask => assert_eq!(session.notes, ""),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
    assert_eq!(app.items().await, before);
    for line in [&one, "users set-roles ada admin", "users revoke ada", "users disable ada"] {
        let session = run(&app, line, "Yes\n", true).await;
        session.result.unwrap_or_else(|failure| panic!("{line}: {failure}"));
    }
    assert_eq!(login_status(&app).await, 401);
}

#[tokio::test]
async fn whoever_was_changed_meanwhile_is_left_alone_and_the_operator_told() {
    for (line, event) in
        [("users disable ada", "disabled"), ("users enable ada", "enabled"), ("users revoke ada", "revoked")]
    {
        let app = app().await;
        let user = app.seed_user("ada").await;
        let hold = app.wire.hold("TransactWriteItems");
        let meanwhile = async {
            hold.reached().await;
            app.raise_epoch(&user, 5).await;
            hold.release();
        };
        let (failure, ()) = tokio::join!(failure(&app, line), meanwhile);
        assert!(matches!(failure, Failure::Conflict), "{event}: {failure:?}");
        assert_eq!(epochs(&app, &user).await, [json!(5), json!(5)]);
    }
}

#[tokio::test]
async fn a_passing_conflict_is_tried_again_and_a_lasting_one_reported_without_names() {
    let app = app().await;
    app.seed_user("ada").await;
    app.wire.fail_next("TransactWriteItems", Fault::Conflict);
    assert_eq!(json(&app, "users revoke ada").await["session_epoch"], json!(1));
    for _ in 0..4 {
        app.wire.fail_next("TransactWriteItems", Fault::Conflict);
    }
    let line = failure(&app, "users revoke ada").await.to_string();
    assert!(line.starts_with("TransactWriteItems: TransactionCanceledException; "), "{line}");
}
