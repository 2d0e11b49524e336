//! What the store promises to those who revoke sessions and to operators, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use auth::{Email, Error, Role, SessionId, Status, User, Username};
use auth_testing::{Fault, NOW, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(|_| axum::Router::new()).await
}

async fn user_item(app: &TestApp, user: &User) -> Value {
    app.item(&format!("USER#{}", user.id), "USER").await
}

async fn epochs(app: &TestApp, user: &User) -> [Value; 2] {
    let credential = app.item(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL").await;
    [user_item(app, user).await["session_epoch"].clone(), credential["session_epoch"].clone()]
}

#[tokio::test]
async fn revoking_all_sessions_raises_the_epoch_on_user_and_credential_in_one_call() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, _) = app.seed_session(&user).await;
    assert_eq!(app.app.store.sessions_revoke_all(&user, None).await.unwrap(), 1);
    let calls = app.wire.take_calls();
    let operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["TransactWriteItems"]);
    assert_eq!((calls[0].write_units, calls[0].gsi_write_units), (4.0, 0.0));
    assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
    let account = app.app.store.account(user.id).await.unwrap().unwrap();
    assert!(!account.honours(session.session_epoch));
    assert_eq!(account.user.version, user.version, "nothing that anybody sees was changed");
}

#[tokio::test]
async fn keys_that_were_put_off_are_asked_for_again_and_never_read_as_absent() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    for put_off in [3, 4] {
        for _ in 0..put_off {
            app.wire.fail_next("BatchGetItem", Fault::PutOff);
        }
        let answer = app.app.store.account(user.id).await;
        assert_eq!(app.operations(), ["BatchGetItem"; 4]);
        match answer {
            Ok(found) => assert_eq!((put_off, found.unwrap().user.id), (3, user.id)),
            Err(error) => assert!(put_off == 4 && error.to_string().contains("UnprocessedKeys"), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_kept_session_comes_along_and_no_other_does() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (kept, _) = app.seed_session(&user).await;
    let (other, _) = app.seed_session(&user).await;
    let epoch = app.app.store.sessions_revoke_all(&user, Some(&kept)).await.unwrap();
    let sessions = app.app.store.sessions_of(user.id).await.unwrap();
    let epoch_of = |id| sessions.iter().find(|session| session.id == id).unwrap().session_epoch;
    assert_eq!((epoch_of(kept.id), epoch_of(other.id)), (epoch, user.session_epoch));
    let mut expected = kept.clone();
    expected.session_epoch = epoch;
    assert!(sessions.contains(&expected), "nothing else of the session was touched");
}

#[tokio::test]
async fn nothing_is_revoked_if_the_kept_session_is_gone_void_or_somebody_elses() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (gone, _) = app.seed_session(&user).await;
    app.app.store.session_delete(user.id, gone.id).await.unwrap();
    let (void, _) = app.seed_session(&user).await;
    app.update(&format!("SESSION#{}", user.id), &void.id.to_string(), "session_epoch", 7).await;
    let (foreign, _) = app.seed_session(&app.seed_user("bob").await).await;
    for session in [gone, void, foreign] {
        let answer = app.app.store.sessions_revoke_all(&user, Some(&session)).await;
        assert!(matches!(answer, Err(Error::Conflict)), "{answer:?}");
        assert_eq!(epochs(&app, &user).await, [json!(0), json!(0)]);
    }
    assert_eq!(app.items().await.iter().filter(|item| item["session_epoch"] == json!(1)).count(), 0, "and no ghost");
}

#[tokio::test]
async fn of_two_who_raise_the_epoch_one_is_told_of_the_other() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    app.app.store.sessions_revoke_all(&user, None).await.unwrap();
    let late = app.app.store.sessions_revoke_all(&user, None).await;
    assert!(matches!(late, Err(Error::Conflict)), "{late:?}");
    let late = app.app.store.user_set_status(&user, Status::Disabled, NOW, write_id(&app)).await;
    assert!(matches!(late, Err(Error::Conflict)), "{late:?}");
    assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
}

#[tokio::test]
async fn no_credential_of_somebody_else_is_touched_and_no_ghost_is_left() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let credential = format!("EMAIL#{}", user.email.key());
    app.update(&credential, "CREDENTIAL", "user_id", "somebody-else").await;
    assert!(matches!(app.app.store.sessions_revoke_all(&user, None).await, Err(Error::Conflict)));
    assert_eq!(epochs(&app, &user).await, [json!(0), json!(0)]);
    app.update(&credential, "CREDENTIAL", "user_id", user.id.to_string()).await;
    app.delete(&format!("USER#{}", user.id), "USER").await;
    assert!(matches!(app.app.store.sessions_revoke_all(&user, None).await, Err(Error::Conflict)));
    app.delete(&credential, "CREDENTIAL").await;
    assert!(matches!(app.app.store.sessions_revoke_all(&user, None).await, Err(Error::Conflict)));
    assert!(matches!(app.app.store.roles_set(user.id, &[]).await, Err(Error::Conflict)));
    assert_eq!(epochs(&app, &user).await, [Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_conflict_with_another_transaction_and_a_lost_answer_are_tried_again_and_count_once() {
    for fault in [Fault::Conflict, Fault::LoseAnswer] {
        let app = app().await;
        let user = app.seed_user("ada").await;
        let (kept, _) = app.seed_session(&user).await;
        app.wire.fail_next("TransactWriteItems", fault);
        assert_eq!(app.app.store.sessions_revoke_all(&user, Some(&kept)).await.unwrap(), 1, "{fault:?}");
        assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
        assert_eq!(app.operations().len(), 2);
    }
}

#[tokio::test]
async fn a_users_sessions_are_read_consistently_and_over_all_pages() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    app.seed_session(&app.seed_user("bob").await).await;
    let mut expected = HashSet::new();
    for _ in 0..3 {
        let (session, _) = app.seed_session(&user).await;
        expected.insert(session.id);
        // Ballast: two of these fill a page of 1 MB, three don't fit.
        let ballast = "x".repeat(390_000);
        app.update(&format!("SESSION#{}", user.id), &session.id.to_string(), "ballast", ballast).await;
    }
    let sessions = app.app.store.sessions_of(user.id).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.id).collect::<HashSet<SessionId>>(), expected);
    let calls = app.wire.take_calls();
    assert!(calls.len() > 1, "one page held them all");
    assert!(calls.iter().all(|call| call.operation == "Query" && call.request["ConsistentRead"] == json!(true)));
}

#[tokio::test]
async fn a_disabled_account_honours_no_session_and_says_so_on_both_items() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    app.clock.advance(std::time::Duration::from_secs(1));
    let later = app.clock.now();
    let epoch = app.app.store.user_set_status(&user, Status::Disabled, later, write_id(&app)).await.unwrap();
    let account = app.app.store.account(user.id).await.unwrap().unwrap();
    assert!(!account.honours(user.session_epoch) && !account.honours(epoch));
    assert_eq!((account.user.status, account.user.version, account.user.updated_at), (Status::Disabled, 2, later));
    let credential = app.app.store.credential_by_email(&user.email).await.unwrap().unwrap();
    assert_eq!((credential.status, credential.session_epoch), (Status::Disabled, epoch));

    let epoch = app.app.store.user_set_status(&account.user, Status::Active, later, write_id(&app)).await.unwrap();
    let account = app.app.store.account(user.id).await.unwrap().unwrap();
    assert!(account.honours(epoch) && !account.honours(user.session_epoch), "what was revoked stays revoked");
}

#[tokio::test]
async fn a_change_of_the_profile_meanwhile_does_not_keep_an_account_open() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let name = auth::Change::Set(auth::FullName::parse("Ada Lovelace").unwrap());
    let change = auth::ProfileChange { full_name: name, ..Default::default() };
    let next = user.changed(&change, NOW, write_id(&app)).unwrap();
    app.app.store.user_update(&user, &next).await.unwrap();
    app.app.store.user_set_status(&user, Status::Disabled, NOW, write_id(&app)).await.unwrap();
    let item = user_item(&app, &user).await;
    assert_eq!((item["version"].clone(), item["status"].clone()), (json!(3), json!("disabled")));
    let retried = app.app.store.user_update(&user, &next).await;
    assert!(matches!(retried, Err(Error::Conflict)), "the version would fall: {retried:?}");
}

#[tokio::test]
async fn disabling_mends_an_account_whose_items_disagree() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    app.update(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL", "session_epoch", 9).await;
    app.app.store.user_set_status(&user, Status::Disabled, NOW, write_id(&app)).await.unwrap();
    assert_eq!(epochs(&app, &user).await, [json!(1), json!(1)]);
}

#[tokio::test]
async fn an_account_is_found_by_the_indexes_and_then_read_consistently() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (email, username) = (Email::parse("ADA@example.com").unwrap(), Username::parse("Ada").unwrap());
    assert_eq!(app.app.store.account_by_email(&email).await.unwrap().unwrap().user.id, user.id);
    assert_eq!(app.operations(), ["Query", "BatchGetItem"]);
    assert_eq!(app.app.store.account_by_username(&username).await.unwrap().unwrap().user.id, user.id);
    assert!(app.app.store.account_by_username(&Username::parse("bob").unwrap()).await.unwrap().is_none());
    // As while an address changes hands: the index still names the one who gave it up.
    let old = app.seed_user("bob").await;
    app.update(&format!("USER#{}", old.id), "USER", "email_key", user.email.key()).await;
    assert_eq!(app.app.store.account_by_email(&email).await.unwrap().unwrap().user.id, user.id);
}

#[tokio::test]
async fn roles_are_replaced_as_a_whole() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let roles = |names: &[&str]| names.iter().map(|name| Role::parse(name).unwrap()).collect::<Vec<_>>();
    for names in [&["admin", "billing:read"][..], &["editor"], &[]] {
        app.app.store.roles_set(user.id, &roles(names)).await.unwrap();
        assert_eq!(app.app.store.account(user.id).await.unwrap().unwrap().roles, roles(names));
    }
    assert_eq!(epochs(&app, &user).await, [json!(0), json!(0)], "roles revoke nothing");
}

#[tokio::test]
async fn an_account_with_roles_is_created_whole_or_not_at_all() {
    let app = app().await;
    let roles = [Role::parse("admin").unwrap()];
    let hash = app.hasher.hash(auth::Password::parse(auth_testing::PASSWORD).unwrap()).await.unwrap();
    let user = |name: &str, address: &str| {
        let id = auth::UserId::new(app.random.uuid(NOW).unwrap());
        User::new(id, Email::parse(address).unwrap(), Username::parse(name).unwrap(), NOW)
    };
    let ada = user("ada", "ada@example.com");
    app.app.store.user_create_with_roles(&ada, &hash, &roles).await.unwrap();
    assert_eq!(app.app.store.account(ada.id).await.unwrap().unwrap().roles, roles);
    let before = app.items().await;
    let answer = app.app.store.user_create_with_roles(&user("bob", "ada@example.com"), &hash, &roles).await;
    assert!(matches!(answer, Err(Error::EmailTaken)), "{answer:?}");
    let answer = app.app.store.user_create_with_roles(&user("ada", "bob@example.com"), &hash, &roles).await;
    assert!(matches!(answer, Err(Error::UsernameTaken)), "{answer:?}");
    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn all_users_are_listed_page_by_page_and_only_the_index_is_scanned() {
    let app = app().await;
    let mut expected = HashSet::new();
    for name in ["ada", "bob", "cleo", "dan", "eve"] {
        let user = app.seed_user(name).await;
        app.seed_session(&user).await;
        expected.insert(user.id);
    }
    let (mut found, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = app.app.store.users_page(2, after.as_deref()).await.unwrap();
        assert!(page.users.len() <= 2);
        found.extend(page.users.iter().map(|user| user.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(pages >= 3, "{pages}");
    assert_eq!(found.len(), 5, "nobody comes twice");
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
    let calls = app.wire.take_calls();
    let scans = calls.iter().filter(|call| call.operation == "Scan");
    assert!(scans.map(|call| &call.request["IndexName"]).all(|index| *index == json!("email-index")));
    let answer = app.app.store.users_page(2, Some("nonsense")).await;
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
}

#[tokio::test]
async fn what_operators_do_costs_what_the_data_model_says() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, _) = app.seed_session(&user).await;
    let store = &app.app.store;
    let spent = || {
        let calls = app.wire.take_calls();
        let sum = |units: fn(&auth_testing::Call) -> f64| calls.iter().map(units).sum::<f64>();
        (calls.len(), sum(|call| call.read_units), sum(|call| call.write_units), sum(|call| call.gsi_write_units))
    };
    store.account_by_email(&user.email).await.unwrap();
    assert_eq!(spent(), (2, 2.5, 0.0, 0.0));
    store.users_page(50, None).await.unwrap();
    assert_eq!(spent(), (2, 1.5, 0.0, 0.0));
    store.sessions_of(user.id).await.unwrap();
    assert_eq!(spent(), (1, 1.0, 0.0, 0.0));
    store.roles_set(user.id, &[Role::parse("admin").unwrap()]).await.unwrap();
    assert_eq!(spent(), (1, 0.0, 4.0, 0.0));
    store.sessions_revoke_all(&user, Some(&session)).await.unwrap();
    assert_eq!(spent(), (1, 0.0, 6.0, 0.0));
    let user = store.account(user.id).await.unwrap().unwrap().user;
    app.wire.take_calls();
    store.user_set_status(&user, Status::Disabled, NOW, write_id(&app)).await.unwrap();
    assert_eq!(spent(), (1, 0.0, 4.0, 0.0));
}

fn write_id(app: &TestApp) -> uuid::Uuid {
    app.random.uuid(NOW).unwrap()
}
