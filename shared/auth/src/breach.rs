//! Whether a password is known from a breach. Behind the feature `strength`, and off unless an address is configured.
//!
//! Whom we ask does not learn the password, by k-anonymity: it gets the first five hexadecimal digits of the password's
//! SHA-1, answers the rest of every digest that begins so, and the comparison is made here (NIST SP 800-63B-4 §3.1.1.2;
//! the range API of Have I Been Pwned's Pwned Passwords). Padding hides how many those are from whoever sees the size.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use zeroize::Zeroizing;

use crate::store::sdk::{self, Roots};
use crate::{App, Caller, Event, Invalid, Log, Password};

/// The power to ask a service about passwords that are known from breaches.
#[derive(Clone)]
pub struct BreachedPasswords {
    /// `None` where no address is configured: nothing is built then, and nothing is asked.
    service: Option<Service>,
    log: Log,
}

#[derive(Clone)]
struct Service {
    connector: Arc<Connector>,
    base: String,
}

impl fmt::Debug for BreachedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.service.is_some() { "BreachedPasswords(on)" } else { "BreachedPasswords(off)" })
    }
}

impl BreachedPasswords {
    /// Reads the system's trust store if an address is configured, since such a service is not AWS's: 1 to 3 ms at start,
    /// which nobody pays who has not asked for the check.
    pub fn new(app: &App) -> Self {
        let service = app.config.breached_passwords_url.clone();
        let service = service.map(|base| Service { connector: Arc::new(sdk::https_connector(Roots::System)), base });
        Self { service, log: app.log.clone() }
    }

    /// Refuses a password that is known from a breach. One request, a second at most.
    ///
    /// A service that does not answer, or answers nonsense, refuses nobody: passwords could not be set for as long as it
    /// is down. The event `breach_check_failed` says that one was not checked, and why.
    ///
    /// # Errors
    /// `breached`.
    pub async fn check(&self, password: &Password, caller: &Caller) -> Result<(), Invalid> {
        const BREACHED: Invalid = Invalid {
            code: "breached",
            detail: "This password is known from a data breach. Choose another one, and change it wherever you use it.",
        };
        let Some(service) = &self.service else { return Ok(()) };
        let asked = tokio::time::timeout(PATIENCE, service.knows(password)).await;
        match asked.unwrap_or(Err("timeout")) {
            Ok(false) => Ok(()),
            Ok(true) => Err(BREACHED),
            Err(reason) => {
                self.log.write(&Event::of("breach_check_failed", caller).alarming().because(reason));
                Ok(())
            }
        }
    }
}

/// For the connection, the request and the whole answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// In bytes. A padded answer has some 50 KB.
const MAX_ANSWER: usize = 512 * 1024;
/// Hexadecimal digits of SHA-1 that are sent, of forty.
const SENT: usize = 5;

impl Service {
    async fn knows(&self, password: &Password) -> Result<bool, &'static str> {
        let digest = hex_sha1(password.text());
        let (sent, kept) = digest.split_at_checked(SENT).ok_or("digest")?;
        let answer = self.connector.call(self.request(sent)?).await.map_err(|_| "no_answer")?;
        match answer.status().as_u16() {
            200 => find(&read(answer.into_body()).await?, kept),
            429 => Err("throttled"),
            _ => Err("status"),
        }
    }

    fn request(&self, sent: &str) -> Result<HttpRequest, &'static str> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(format!("{}/range/{sent}", self.base)).map_err(|_| "address")?;
        request.headers_mut().insert("add-padding", "true");
        // Have I Been Pwned refuses requests without one.
        request.headers_mut().insert("user-agent", "vestibule");
        Ok(request)
    }
}

/// Of the password as it is hashed: NFC, UTF-8.
fn hex_sha1(text: &str) -> Zeroizing<String> {
    let mut hex = Zeroizing::new(String::with_capacity(40));
    for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref() {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
        }
    }
    hex
}

async fn read(body: SdkBody) -> Result<Vec<u8>, &'static str> {
    let (mut chunks, mut answer) = (ByteStream::new(body), Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| "cut_off")?;
        if answer.len() + chunk.len() > MAX_ANSWER {
            return Err("too_long");
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

/// Whether `kept`, the rest of a digest, is in the answer with a count above zero, which is what padding has.
///
/// A line that is not `<35 hexadecimal digits>:<count>` is no answer of such a service, and neither is an empty text, since
/// padding was asked for. Except beside a hit: thirty-five digits do not match by accident.
fn find(answer: &[u8], kept: &str) -> Result<bool, &'static str> {
    let (mut lines, mut is_well_formed) = (0, true);
    for line in answer.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let entry =
            line.split_at_checked(kept.len()).and_then(|(suffix, rest)| Some((suffix, rest.strip_prefix(b":")?)));
        let is_entry = |(suffix, count): &(&[u8], &[u8])| {
            suffix.iter().all(u8::is_ascii_hexdigit) && !count.is_empty() && count.iter().all(u8::is_ascii_digit)
        };
        match entry.filter(is_entry) {
            Some((suffix, count)) => {
                if suffix.eq_ignore_ascii_case(kept.as_bytes()) && count.iter().any(|&digit| digit != b'0') {
                    return Ok(true);
                }
            }
            None => is_well_formed = false,
        }
        lines += 1;
    }
    if is_well_formed && lines > 0 { Ok(false) } else { Err("malformed") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // SHA-1 of "password", as everybody knows it.
    const KEPT: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";
    const OTHER: &str = "0018A45C4D1DEF81644B54AB7F969B88D65";

    #[test]
    fn the_digest_is_sha_1_in_capitals() {
        assert_eq!(hex_sha1("password").as_str(), format!("5BAA6{KEPT}"));
        assert_eq!(hex_sha1("").as_str(), "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
    }

    #[test]
    fn a_digest_with_a_count_is_known_and_padding_is_not() {
        let known = |text: &str| find(text.as_bytes(), KEPT);
        assert_eq!(known(&format!("{OTHER}:1\r\n{KEPT}:9545824\r\n")), Ok(true));
        assert_eq!(known(&format!("{OTHER}:1\n{}:1", KEPT.to_lowercase())), Ok(true));
        assert_eq!(known(&format!("{KEPT}:{}", "9".repeat(1000))), Ok(true), "a count beyond every number");
        assert_eq!(known(&format!("{KEPT}:010")), Ok(true));
        assert_eq!(known(&format!("{OTHER}:1\r\n{KEPT}:0\r\n")), Ok(false));
        assert_eq!(known(&format!("{KEPT}:000")), Ok(false));
        assert_eq!(known(&format!("{OTHER}:3")), Ok(false));
    }

    #[test]
    fn what_is_not_such_a_list_is_no_answer() {
        let good = format!("{OTHER}:3\r\n");
        for (text, what) in [
            (String::new(), "empty"),
            ("\r\n\r\n".to_owned(), "blank"),
            ("<html><body>Sign in to the network</body></html>".to_owned(), "a page"),
            (format!("{good}{}", &KEPT[..20]), "cut off"),
            (format!("{good}{KEPT}"), "no count"),
            (format!("{good}{KEPT}:"), "an empty count"),
            (format!("{good}{KEPT}:-1"), "a negative count"),
            (format!("{good}{KEPT}:1e3"), "not a number"),
            (format!("{good}{KEPT}0:1"), "too long"),
            (format!("{good}{}:1", &KEPT[1..]), "too short"),
            (format!("{good}5BAA6{KEPT}:1"), "the whole digest"),
            (format!("{good}{}:1", KEPT.replace('1', "g")), "not hexadecimal"),
            (format!("{good}{}:1", KEPT.replace("1E", "\u{e9}")), "not ASCII"),
        ] {
            assert_eq!(find(text.as_bytes(), KEPT), Err("malformed"), "{what}");
        }
        assert_eq!(find(b"\xff\xfe\x00", KEPT), Err("malformed"));
        assert_eq!(find(format!("nonsense\n{KEPT}:2").as_bytes(), KEPT), Ok(true), "a hit is a hit");
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(answer in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_ne!(find(&answer, KEPT), Ok(true));
        }

        #[test]
        fn a_hit_is_found_wherever_it_is(before in 0..50usize, after in 0..50usize) {
            let (before, after) = (format!("{OTHER}:1\r\n").repeat(before), format!("\r\n{OTHER}:1").repeat(after));
            prop_assert_eq!(find(format!("{before}{KEPT}:1{after}").as_bytes(), KEPT), Ok(true));
        }
    }
}
