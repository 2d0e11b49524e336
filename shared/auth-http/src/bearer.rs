use auth::{Error, Result};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1). Two such headers are
/// refused: which one a proxy in front of us has looked at is not known.
pub fn bearer(headers: &HeaderMap) -> Result<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Error::InvalidToken) };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Error::InvalidToken)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(token) } else { Err(Error::InvalidToken) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c"] {
            assert_eq!(bearer(&headers(&[good.as_bytes()])).unwrap(), "a.b.c");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        for bad in [
            &[][..],
            &[b"Bearer".as_slice()],
            &[b"Bearer "],
            &[b"Basic a"],
            &[b"Bearer \xff"],
            &[b"Bearer a", b"Bearer a"],
        ] {
            assert!(matches!(bearer(&headers(bad)), Err(Error::InvalidToken)));
        }
    }
}
