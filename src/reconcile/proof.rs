//! A run's proof for people's own contacts: two looks at them, asked of whoever has the Google account.

use redis::AsyncCommands;

use crate::{
    claim::Tools,
    store::{
        StoreError,
        current::SyncSpec,
        keys::GoogleKeys,
        proofs::{Moment, Proof, Proofs},
        runs::{Run, RunState, Runs},
    },
};

/// Asks for the two looks of a run, if it takes any.
pub(super) struct Prover<'a> {
    pub tools: &'a Tools,
    pub sync: &'a SyncSpec,
}

impl Prover<'_> {
    /// Asks for the first look; it is taken before anything is written.
    pub async fn look_before(&self, run: &Run) -> Result<(), StoreError> {
        let Some(proofs) = self.proofs(run) else { return Ok(()) };
        if proofs.want(&run.id, Moment::Before).await? {
            ask_for_listing(self.tools, self.sync).await?;
        }
        Ok(())
    }

    /// Whether the first look was taken, or none is wanted: no slice that began before the run is under way any more.
    pub async fn has_looked(&self, run: &Run) -> Result<bool, StoreError> {
        let Some(proofs) = self.proofs(run) else { return Ok(true) };
        Ok(!proofs.wanted().await?.iter().any(|(wanted, _)| *wanted == run.id))
    }

    /// What the two looks came to, once the second was taken; nothing for most runs.
    pub async fn proof(&self, run: &Run, ring: &(dyn Fn() + Send + Sync)) -> Result<Option<Option<Proof>>, StoreError> {
        let Some(proofs) = self.proofs(run) else { return Ok(Some(None)) };
        // Asked for as long as it is open: whoever asked first may have been killed before it could.
        if proofs.want(&run.id, Moment::After).await? {
            ask_for_listing(self.tools, self.sync).await?;
            ring();
        }
        proofs.proof(&run.id).await
    }

    /// Ends the run. The report has its proof now, or there will be none.
    pub async fn finish(
        &self,
        runs: &Runs,
        run: Run,
        state: RunState,
        error: Option<String>,
    ) -> Result<Run, StoreError> {
        let done = runs.finish(run, state, error).await?;
        if let Some(proofs) = self.proofs(&done) {
            proofs.forget(&done.id).await?;
        }
        Ok(done)
    }

    fn proofs(&self, run: &Run) -> Option<Proofs> {
        let google = self.sync.google.as_ref().filter(|_| run.proves)?;
        Some(Proofs::new(self.tools.pool.clone(), &google.subject))
    }
}

/// The worker that next has the Google account brings its listing up to date, folds twins, and takes the looks that are wanted.
pub(super) async fn ask_for_listing(tools: &Tools, sync: &SyncSpec) -> Result<(), StoreError> {
    let Some(google) = &sync.google else { return Ok(()) };
    // Counted: a wish that comes while an earlier one is carried out is not taken for it.
    let _: () = tools.pool.get().await?.hincr(GoogleKeys::new(&google.subject).state(), "refresh", 1).await?;
    Ok(())
}
