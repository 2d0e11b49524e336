use auth::{App, Device, Result, UserId};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::{Answer, cookie, set_device};

/// The device cookie, if it is one of ours. Whose it is, its account must say: [`Device::is_known_to`].
pub async fn device(app: &App, headers: &HeaderMap) -> Result<Option<Device>> {
    let Some(text) = cookie(headers, &app.config.device_cookie) else { return Ok(None) };
    Ok(Device::open(text, &*app.pseudonyms().await?))
}

/// Makes the browser known to the account that it has just proved to be of; nothing if it is already.
pub async fn remember_device(
    app: &App,
    mut answer: Response,
    presented: Option<Device>,
    user_id: UserId,
    session_epoch: u64,
) -> Answer {
    if !presented.is_some_and(|device| device.is_known_to(user_id, session_epoch)) {
        let device = Device::new(user_id, session_epoch, app.random.uuid(app.clock.now())?);
        let value = device.seal(&*app.pseudonyms().await?);
        answer.headers_mut().append(SET_COOKIE, set_device(&app.config.device_cookie, &value)?);
    }
    Ok(answer)
}
