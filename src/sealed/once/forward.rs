//! The contract of redemptions through `Arc` and `Box`. A method added to the trait must be added here, or the build fails.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::sealed::once::redemption::{Redemption, RedemptionRepository, ReserveOutcome};

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<R: RedemptionRepository + ?Sized> RedemptionRepository for $pointer<R> {
            async fn reserve(&self, redemption: &Redemption) -> Result<ReserveOutcome, Error> {
                (**self).reserve(redemption).await
            }

            async fn commit(&self, redemption: &Redemption) -> Result<bool, Error> {
                (**self).commit(redemption).await
            }

            async fn release(&self, redemption: &Redemption) -> Result<(), Error> {
                (**self).release(redemption).await
            }

            async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
                (**self).delete_expired(now, limit).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
