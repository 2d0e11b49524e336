//! The published key set: one item, written by rotate-keys alone.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::item::{SCHEMA, key, read_key_set};
use super::{Store, n, s, unavailable};
use crate::{Error, PublicKeySet, Result};

impl Store {
    /// The published key set.
    ///
    /// # Errors
    /// [`Error::NoKeySet`] while there is none.
    pub async fn key_set(&self) -> Result<PublicKeySet> {
        let item = self.get(key("KEYSET".to_owned(), "PUBLIC")).await?;
        read_key_set(&item.ok_or(Error::NoKeySet)?)
    }

    /// Publishes everything. If newer keys are published than these, they stay, and the rest is written: issuer and
    /// origins are the deployment's to say, and no rotation knows better.
    pub async fn publish_key_set(&self, set: &PublicKeySet) -> Result<()> {
        let all = self
            .keys_update(set)
            .update_expression(format!("{SET_KEYS}, {SET_DEPLOYMENT}"))
            .condition_expression("attribute_not_exists(pk) OR version <= :version");
        match with_deployment(all, set).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_refused(error.as_service_error()) => {
                let rest = self.update_key_set().update_expression(format!("SET {SET_DEPLOYMENT}"));
                let rest = with_deployment(rest, set).condition_expression("attribute_exists(pk)").send().await;
                rest.map(drop).map_err(|error| unavailable("UpdateItem", &error))
            }
            Err(error) => Err(unavailable("UpdateItem", &error)),
        }
    }

    /// Publishes the keys of a rotation beside what the deployment has said.
    ///
    /// # Errors
    /// [`Error::NoKeySet`] if no deployment has said anything yet; [`Error::Conflict`] if newer keys are published.
    pub async fn publish_keys(&self, set: &PublicKeySet) -> Result<()> {
        let update = self
            .keys_update(set)
            .update_expression(SET_KEYS)
            .condition_expression("attribute_exists(pk) AND version <= :version")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Err(failed.item().map_or(Error::NoKeySet, |_| Error::Conflict))
                }
                _ => Err(unavailable("UpdateItem", &error)),
            },
        }
    }

    fn update_key_set(&self) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(key("KEYSET".to_owned(), "PUBLIC")))
    }

    fn keys_update(&self, set: &PublicKeySet) -> UpdateItemFluentBuilder {
        let proof = match set.origin_proof_sha256 {
            Some(digest) => AttributeValue::B(digest.to_vec().into()),
            None => AttributeValue::Null(true),
        };
        self.update_key_set()
            .expression_attribute_values(":version", n(set.version))
            .expression_attribute_values(":jwks", s(&set.jwks))
            .expression_attribute_values(":proof", proof)
            .expression_attribute_values(":v", n(SCHEMA))
    }
}

const SET_KEYS: &str = "SET v = :v, version = :version, jwks = :jwks, origin_proof_sha256 = :proof";
const SET_DEPLOYMENT: &str = "issuer = :issuer, origins = :origins";

fn with_deployment(update: UpdateItemFluentBuilder, set: &PublicKeySet) -> UpdateItemFluentBuilder {
    let origins = set.origins.iter().cloned().map(AttributeValue::S).collect();
    update
        .expression_attribute_values(":issuer", s(&set.issuer))
        .expression_attribute_values(":origins", AttributeValue::L(origins))
}

fn is_refused(error: Option<&UpdateItemError>) -> bool {
    matches!(error, Some(UpdateItemError::ConditionalCheckFailedException(_)))
}
