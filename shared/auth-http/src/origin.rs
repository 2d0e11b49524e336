use auth::{Error, Result};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

/// Lets a request that uses cookies pass only if it was made by one of our own front ends.
///
/// `Origin` (RFC 6454 §7) must be there, once, and be one of `origins` byte for byte: these come from the key set, never
/// from `Host`, which behind the CDN is the API's own name. A browser that says `Sec-Fetch-Site: cross-site` is believed
/// too, since `SameSite` would not let its cookie through the next time (OWASP, CSRF prevention, "Fetch Metadata").
pub fn check(headers: &HeaderMap, origins: &[String]) -> Result<()> {
    let mut values = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (values.next(), values.next()) else { return Err(Error::ForeignOrigin) };
    let is_ours = origins.iter().any(|ours| ours.as_bytes() == origin.as_bytes());
    let is_cross_site = headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site");
    if is_ours && !is_cross_site { Ok(()) } else { Err(Error::ForeignOrigin) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        check(&headers, &["https://app.example".to_owned()]).is_ok()
    }

    #[test]
    fn only_a_configured_origin_passes() {
        let ours = ("origin", "https://app.example");
        assert!(passes(&[ours]));
        assert!(passes(&[ours, ("sec-fetch-site", "same-site")]));
        assert!(!passes(&[ours, ("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[ours, ours]));
        assert!(!passes(&[("host", "app.example"), ("referer", "https://app.example/")]));
        for other in ["null", "", "http://app.example", "https://app.example:443", "https://APP.example", "https://a.b"]
        {
            assert!(!passes(&[("origin", other)]), "{other}");
        }
    }
}
