use std::time::Duration;

use auth::{Error, Result};
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// The value of the cookie `name` (RFC 6265 §4.2.1), from any number of Cookie headers (HTTP/2 splits them, RFC 9113
/// §8.2.3). What other cookies hold, other bytes than ASCII included, is no concern of ours.
///
/// `None` as well if it comes twice: `__Host-` makes that impossible for an honest browser, so none is to be trusted.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|&b| b == b';'))
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    std::str::from_utf8(value).ok().filter(|value| !value.is_empty())
}

/// `Set-Cookie` for the refresh token: out of reach of scripts, of plain HTTP and of other sites. With `__Host-` in its
/// name, no sub-domain can set or shadow it (RFC 6265bis §4.1.3.2), which is why `Path` is `/` and `Domain` absent.
pub fn set_refresh(name: &str, value: &str, max_age: Duration) -> Result<HeaderValue> {
    set(name, value, max_age)
}

/// `Set-Cookie` for a browser that has signed in, to be known by; as long as browsers keep any (RFC 6265bis §5.5).
pub fn set_device(name: &str, value: &str) -> Result<HeaderValue> {
    set(name, value, Duration::from_hours(400 * 24))
}

fn set(name: &str, value: &str, max_age: Duration) -> Result<HeaderValue> {
    let seconds = max_age.as_secs();
    let cookie = format!("{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Strict");
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|_| Error::Internal("a cookie does not fit its header"))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

/// `Set-Cookie` that makes the browser forget it; the attributes must be those it was set with.
pub fn clear_refresh(name: &str) -> Result<HeaderValue> {
    set_refresh(name, "", Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (COOKIE, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn one_cookie_is_found_among_others() {
        for values in [
            &[b"__Host-refresh=t.1".as_slice()][..],
            &[b"a=b; __Host-refresh=t.1; c"],
            &[b"a=b", b"x__Host-refresh=no;__Host-refresh=t.1"],
            &[b"theme=\xc3\xa9\xff; __Host-refresh=t.1; __Host-refresh2=no"],
        ] {
            assert_eq!(cookie(&headers(values), "__Host-refresh"), Some("t.1"));
        }
    }

    #[test]
    fn an_absent_empty_or_doubled_cookie_is_none() {
        for values in [
            &[][..],
            &[b"__host-refresh=t".as_slice()],
            &[b"__Host-refresh="],
            &[b"__Host-refresh=a; __Host-refresh=b"],
        ] {
            assert_eq!(cookie(&headers(values), "__Host-refresh"), None);
        }
    }

    #[test]
    fn it_cannot_leak() {
        let set = set_refresh("__Host-refresh", "t.1", Duration::from_mins(1)).unwrap();
        assert_eq!(set, "__Host-refresh=t.1; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict");
        let clear = clear_refresh("__Host-refresh").unwrap();
        assert_eq!(clear, "__Host-refresh=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert!(!format!("{set:?}").contains("t.1"));
    }
}
