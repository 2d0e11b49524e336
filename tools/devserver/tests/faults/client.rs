//! What clients do, and what each answer may be by what is known then.

use std::sync::atomic::Ordering;

use auth_testing::{Answer, ISSUER};
use serde_json::{Value, json};

use crate::model::{FIELDS, Presented, Raise, Registration, Span, device_cookie, is_refusal, refresh_token};
use crate::world::Client;

impl Client {
    pub async fn run(mut self, operations: usize) {
        for _ in 0..operations {
            let session = self.own_session();
            match (self.dice.below(100), session) {
                (0..6, _) => self.register().await,
                (6..9, _) => self.sign_in_wrongly().await,
                (9..11, _) => self.present_dead().await,
                (11, _) => self.discover().await,
                (12..22, _) | (_, None) => self.sign_in().await,
                (22..36, Some(session)) => self.refresh(session).await,
                (36..40, Some(session)) => self.replay(session).await,
                (40..52, Some(session)) => self.refresh_twice(session).await,
                (52..60, Some(session)) => self.read_profile(session).await,
                (60..78, Some(session)) => self.change_profile(session).await,
                (78..84, Some(session)) => drop(self.list_sessions(session).await),
                (84..89, Some(session)) => self.log_out(session).await,
                (89..93, Some(session)) => self.revoke_another(session).await,
                (93..96, Some(session)) => self.sign_out_everywhere(session).await,
                (_, Some(session)) => self.change_password(session).await,
            }
            self.world.operations.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// One of the sessions that this client has opened and not seen end.
    fn own_session(&mut self) -> Option<usize> {
        let prefix = format!("c{} ", self.number);
        let model = self.world.model();
        let own: Vec<_> = (0..model.sessions.len())
            .filter(|&i| model.sessions[i].tag.starts_with(&prefix) && !model.may_be_dead(i))
            .collect();
        drop(model);
        (!own.is_empty()).then(|| *self.dice.pick(&own))
    }

    fn tag(&self) -> String {
        format!("c{} {}", self.number, self.world.tick())
    }

    /// A request of a session, and whether that was dead before and may be dead after.
    async fn authorised(&self, session: usize, method: &str, path: &str, tag: &str, body: Value) -> Answer {
        let start = self.world.tick();
        let (authorization, was_dead) = {
            let model = self.world.model();
            (model.sessions[session].authorization(), model.is_dead(session, start))
        };
        let headers = [("authorization", authorization.as_str()), ("user-agent", tag)];
        let answer = self.world.ask(&self.service(), method, path, &headers, body).await;
        let context = format!("{method} {path}: {} {}, {}", answer.status, answer.code(), self.world.context());
        assert!(!was_dead || !(200..300).contains(&answer.status), "an ended session is let in, {context}");
        if answer.code() == "invalid_token" {
            assert!(self.world.model().may_be_dead(session), "a live session is refused, {context}");
        }
        answer
    }

    async fn register(&mut self) {
        let number = self.world.tick();
        // Some are wanted by several clients at once.
        let shared = number / 40;
        let (email, username) = match self.dice.below(4) {
            0 => (format!("shared{shared}@example.com"), format!("own{number}")),
            1 => (format!("own{number}@example.com"), format!("shared{shared}")),
            _ => (format!("own{number}@example.com"), format!("own{number}")),
        };
        let password = format!("wooden lantern over quiet harbour {number}");
        let body = json!({ "email": email, "username": username, "password": password });
        let answer = self.world.ask(&self.service(), "POST", "/auth/register", &[], body).await;
        assert_ne!(answer.status, 422, "{}, {}", answer.text, self.world.context());
        let registration = Registration { email, username, password, status: answer.status };
        self.world.model().registrations.push(registration);
    }

    async fn sign_in(&mut self) {
        let (start, tag) = (self.world.tick(), self.tag());
        let (mut body, password, was_certain) = {
            let model = self.world.model();
            let account = &model.accounts[self.account];
            let password = self.dice.pick(&account.passwords).clone();
            let by_name = account.values[2].len() == 1 && self.dice.below(3) == 0;
            let mut body = json!({ "email": account.email, "password": password });
            if by_name {
                body = json!({ "username": account.values[2][0], "password": password });
            }
            (body, password, model.is_certain(self.account, start))
        };
        let by_cookie = self.dice.below(3) == 0;
        body["transport"] = json!(if by_cookie { "cookie" } else { "body" });
        // The browser may have a session already, which this sign-in ends, if it can.
        let previous = self.own_session().filter(|&session| by_cookie && self.has_cookie(session));
        let previous = previous.map(|session| (session, self.begin_end(session)));
        let refresh = previous.as_ref().and_then(|(_, (_, presented))| presented.cookie.clone());
        let device = by_cookie.then(|| self.world.model().devices.get(&self.number).cloned()).flatten();
        let cookies: Vec<_> = refresh.into_iter().chain(device).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("user-agent", tag.as_str()), ("origin", ISSUER)];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        // A name that is being changed leads nowhere for a moment.
        let by_email = body["email"].is_string();
        let answer = self.world.ask(&self.service(), "POST", "/auth/login", &headers, body).await;
        let end = self.world.tick();
        if let Some((session, (id, _))) = previous
            && answer.status != 200
        {
            self.world.model().ended(session, id, end, &answer);
        }
        if let Some(device) = device_cookie(&answer) {
            self.world.model().devices.insert(self.number, device.to_owned());
        }
        if answer.status == 200 {
            self.add_session(tag, Span { start, end: Some(end), is_acknowledged: true }, &answer);
            return;
        }
        let mut model = self.world.model();
        if is_refusal(&answer) {
            model.refused.push(tag);
        }
        if answer.status == 401 && by_email && was_certain && model.is_certain(self.account, start) {
            let is_right = model.accounts[self.account].passwords[0] == password;
            assert!(!is_right, "a right password is refused, {}", self.world.context());
        }
    }

    fn has_cookie(&self, session: usize) -> bool {
        self.world.model().sessions[session].by_cookie
    }

    /// With a password that never was, or is no longer, right.
    async fn sign_in_wrongly(&mut self) {
        let tag = self.tag();
        let (email, password) = {
            let model = self.world.model();
            let account = &model.accounts[self.account];
            let mut wrong = account.old.clone();
            wrong.push("brass candle under loud mountain".to_owned());
            (account.email.clone(), self.dice.pick(&wrong).clone())
        };
        let body = json!({ "email": email, "password": password });
        let answer = self.world.ask(&self.service(), "POST", "/auth/login", &[("user-agent", &tag)], body).await;
        assert_ne!(answer.status, 200, "a wrong password is right, {}", self.world.context());
        if is_refusal(&answer) {
            self.world.model().refused.push(tag);
        }
    }

    async fn refresh(&mut self, session: usize) {
        let token = self.world.model().sessions[session].refresh_token.clone();
        let answer = self.present(session, &token).await;
        if answer.status == 200 {
            self.world.model().sessions[session].hold(&answer);
        }
    }

    /// The token of a session that has been ended, by whomever.
    async fn present_dead(&mut self) {
        let now = self.world.tick();
        let dead: Vec<_> = {
            let model = self.world.model();
            (0..model.sessions.len()).filter(|&session| model.is_dead(session, now)).collect()
        };
        if dead.is_empty() {
            return self.sign_in_wrongly().await;
        }
        let session = *self.dice.pick(&dead);
        let token = self.world.model().sessions[session].refresh_token.clone();
        self.present(session, &token).await;
    }

    /// A token that was used more than 30 s ago: somebody has a copy, and the session ends.
    async fn replay(&mut self, session: usize) {
        let superseded = self.world.model().sessions[session].superseded.clone();
        let Some(token) = superseded else { return self.refresh(session).await };
        let (id, _) = self.begin_end(session);
        let answer = self.present(session, &token).await;
        assert_ne!(answer.status, 200, "a used token opens a session, {}", self.world.context());
        if answer.status == 401 && self.world.model().ends_by_nothing_but(session, id) {
            self.world.demand(&answer, &["reuse_detected"]);
        }
        let end = self.world.tick();
        self.world.model().replayed(session, id, end, &answer);
    }

    async fn discover(&self) {
        for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
            self.world.ask(&self.service(), "GET", path, &[], Value::Null).await;
        }
    }

    /// Two tabs: whoever gets a successor gets the same.
    async fn refresh_twice(&mut self, session: usize) {
        let token = self.world.model().sessions[session].refresh_token.clone();
        let (one, other) = tokio::join!(self.present(session, &token), self.present(session, &token));
        let successors: Vec<_> = [&one, &other].into_iter().filter(|answer| answer.status == 200).collect();
        if let [one, other] = successors.as_slice() {
            assert_eq!(
                refresh_token(one),
                refresh_token(other),
                "two successors of one token, {}",
                self.world.context()
            );
        }
        if let Some(answer) = successors.first() {
            self.world.model().sessions[session].hold(answer);
        }
    }

    async fn present(&self, session: usize, token: &Value) -> Answer {
        let start = self.world.tick();
        let (was_dead, presented) = {
            let model = self.world.model();
            (model.is_dead(session, start), Presented::new(token, model.sessions[session].by_cookie))
        };
        let answer = self.ask_presenting("/auth/refresh", &presented).await;
        let context = format!("{} {}, {}", answer.status, answer.code(), self.world.context());
        assert!(!was_dead || answer.status != 200, "an ended session goes on, {context}");
        if answer.status == 401 {
            assert!(self.world.model().may_be_dead(session), "a session is lost, {context}");
        }
        answer
    }

    async fn ask_presenting(&self, path: &str, presented: &Presented) -> Answer {
        self.world.ask(&self.service(), "POST", path, &presented.headers(), presented.body.clone()).await
    }

    async fn read_profile(&self, session: usize) {
        let field = self.field();
        let before = self.world.model().accounts[self.account].values[field].clone();
        let answer = self.authorised(session, "GET", "/auth/profile", "", Value::Null).await;
        if answer.status == 200 {
            let is = answer.body["user"][FIELDS[field]].as_str().unwrap_or_default();
            let is_known = before.iter().any(|value| value == is);
            assert!(is_known, "{} is {is}, none of {before:?}, {}", FIELDS[field], self.world.context());
        }
    }

    async fn change_profile(&self, session: usize) {
        let field = self.field();
        let value = format!("value{}", self.world.tick());
        self.world.model().accounts[self.account].values[field].push(value.clone());
        let body = json!({ FIELDS[field]: value });
        let was_dead = self.world.model().is_dead(session, self.world.tick());
        let answer = self.authorised(session, "PATCH", "/auth/profile", "", body).await;
        // Made, its answer lost, overtaken by another client's change, and read again when the session had ended.
        let may_be_made = answer.code() == "invalid_token" && !was_dead;
        let mut model = self.world.model();
        let values = &mut model.accounts[self.account].values[field];
        if answer.status == 200 {
            assert_eq!(answer.body["user"][FIELDS[field]], json!(value));
            *values = vec![value];
        } else if is_refusal(&answer) && !may_be_made {
            values.retain(|known| *known != value);
        }
    }

    async fn list_sessions(&self, session: usize) -> Vec<Value> {
        let start = self.world.tick();
        let answer = self.authorised(session, "GET", "/auth/sessions", "", Value::Null).await;
        let listed = answer.body["sessions"].as_array().cloned().unwrap_or_default();
        let model = self.world.model();
        for one in &listed {
            let known = model.sessions.iter().position(|session| one["client"] == session.tag);
            assert!(known.is_none_or(|known| !model.is_dead(known, start)), "an ended session is listed, {one}");
        }
        listed
    }

    async fn log_out(&self, session: usize) {
        let (id, presented) = self.begin_end(session);
        let answer = self.ask_presenting("/auth/logout", &presented).await;
        if answer.status == 204 && self.world.model().ends_by_nothing_but(session, id) {
            self.world.demand(&answer, &["logged_out"]);
        }
        let end = self.world.tick();
        self.world.model().ended(session, id, end, &answer);
    }

    async fn revoke_another(&mut self, session: usize) {
        let listed = self.list_sessions(session).await;
        let others: Vec<_> = listed.iter().filter(|one| one["current"] == false).collect();
        if others.is_empty() {
            return;
        }
        let other = *self.dice.pick(&others);
        let known = self.world.model().sessions.iter().position(|session| other["client"] == session.tag);
        let Some(known) = known else { return };
        let (id, _) = self.begin_end(known);
        let path = format!("/auth/sessions/{}", other["id"].as_str().unwrap());
        let answer = self.authorised(session, "DELETE", &path, "", Value::Null).await;
        if answer.status == 204 && self.world.model().ends_by_nothing_but(known, id) {
            self.world.demand(&answer, &["session_revoked"]);
        }
        let end = self.world.tick();
        self.world.model().ended(known, id, end, &answer);
    }

    fn begin_end(&self, session: usize) -> (u64, Presented) {
        let id = self.world.tick();
        let mut model = self.world.model();
        let it = &mut model.sessions[session];
        it.ends.push((id, Span::begin(id)));
        (id, Presented::new(&it.refresh_token, it.by_cookie))
    }

    async fn sign_out_everywhere(&mut self, session: usize) {
        let keeps = self.dice.below(2) == 0;
        let id = self.begin_raise(keeps.then_some(session));
        let path = if keeps { "/auth/sessions?keep=current" } else { "/auth/sessions" };
        let answer = self.authorised(session, "DELETE", path, "", Value::Null).await;
        let end = self.world.tick();
        self.world.model().raised(self.account, id, end, &answer);
    }

    async fn change_password(&mut self, session: usize) {
        let tag = self.tag();
        let new = format!("copper kettle beside silent river {}", self.world.tick());
        let current = {
            let mut model = self.world.model();
            let account = &mut model.accounts[self.account];
            account.pending.push(new.clone());
            self.dice.pick(&account.passwords).clone()
        };
        let id = self.begin_raise(None);
        let body = json!({ "current_password": current, "new_password": new });
        let answer = self.authorised(session, "POST", "/auth/password/change", &tag, body).await;
        assert_ne!(answer.status, 422, "{}, {}", answer.text, self.world.context());
        let end = self.world.tick();
        let opened = (answer.status == 200)
            .then(|| self.add_session(tag.clone(), Span { start: id, end: Some(end), is_acknowledged: true }, &answer));
        let mut model = self.world.model();
        let account = &mut model.accounts[self.account];
        account.pending.retain(|pending| *pending != new);
        if opened.is_some() {
            let replaced = std::mem::replace(&mut account.passwords, vec![new]);
            account.old.extend(replaced);
        } else if is_refusal(&answer) {
            model.refused.push(tag);
        } else {
            account.passwords.push(new);
        }
        if let Some(raise) = model.accounts[self.account].raises.iter_mut().find(|raise| raise.id == id) {
            raise.kept = opened;
        }
        model.raised(self.account, id, end, &answer);
    }

    fn begin_raise(&self, kept: Option<usize>) -> u64 {
        let id = self.world.tick();
        self.world.model().accounts[self.account].raises.push(Raise { id, span: Span::begin(id), kept });
        id
    }
}
