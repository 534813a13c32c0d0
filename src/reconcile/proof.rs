//! A run's proof for people's own contacts: two looks at them, asked of whoever has the Google account.

use crate::store::{
    StoreError,
    proofs::{Moment, Proof, Proofs},
    runs::Run,
};

use super::walk::Walk;

impl Walk<'_> {
    /// Asks for the first look, if the run takes any.
    pub(super) async fn look_before(&self, run: &Run) -> Result<(), StoreError> {
        if let Some(proofs) = self.proofs(run) {
            proofs.want(&run.id, Moment::Before).await?;
        }
        Ok(())
    }

    /// What the two looks came to, once the second was taken; nothing for most runs.
    pub(super) async fn proof(
        &self,
        run: &Run,
        ring: &(dyn Fn() + Send + Sync),
    ) -> Result<Option<Option<Proof>>, StoreError> {
        let Some(proofs) = self.proofs(run) else { return Ok(Some(None)) };
        // Asked for as long as it is open: whoever asked first may have been killed before it could.
        if proofs.want(&run.id, Moment::After).await? {
            self.ask_for_listing().await?;
            ring();
        }
        proofs.proof(&run.id).await
    }

    /// The report has it now, or there will be none.
    pub(super) async fn forget_proof(&self, run: &Run) -> Result<(), StoreError> {
        match self.proofs(run) {
            Some(proofs) => proofs.forget(&run.id).await,
            None => Ok(()),
        }
    }

    fn proofs(&self, run: &Run) -> Option<Proofs> {
        let google = self.sync.google.as_ref().filter(|_| run.proves)?;
        Some(Proofs::new(self.tools.pool.clone(), &google.subject))
    }
}
