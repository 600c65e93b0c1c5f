//! The import `expressions` of the contract. The evaluator that evaluates rules evaluates the expressions of agents
//! too, with the share of the agent's guild. The turn waits meanwhile. It pays with its own fuel for what an expression
//! uses, and its deadline includes the time that it waits.

use std::future::Future;

use guildhall_model::expression::{Cost, ExpressionError, Expressions, Language, MAX_EACH};
use wasmtime::component::Linker;
use wasmtime::{StoreContextMut, Trap};

use crate::bindings::expressions::Language as GuestLanguage;
use crate::guest::Guest;

/// Links the interface. It is linked by hand because a function needs the store, whose fuel it uses.
///
/// # Errors
/// Wasmtime refuses a name or a type: an error of this crate.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("guildhall:agent/expressions@0.1.0")?;
    interface.func_wrap_async("check", |store, (language, source): (GuestLanguage, String)| {
        Box::new(async move { Ok((check(store, language_of(language), source).await?,)) })
    })?;
    interface.func_wrap_async("evaluate", |store, (language, source, input): (GuestLanguage, String, String)| {
        Box::new(async move { Ok((evaluate(store, language_of(language), source, input).await?,)) })
    })
}

async fn check(
    store: StoreContextMut<'_, Guest>,
    language: Language,
    source: String,
) -> wasmtime::Result<Result<(), String>> {
    store.data().unsealed("expressions.check")?;
    paid(store, move |expressions| expressions.check(language, &source)).await
}

async fn evaluate(
    store: StoreContextMut<'_, Guest>,
    language: Language,
    source: String,
    input: String,
) -> wasmtime::Result<Result<Option<String>, String>> {
    store.data().unsealed("expressions.evaluate")?;
    let value = paid(store, move |expressions| expressions.evaluate(language, &source, &input)).await?;
    Ok(value.map(|value| value.map(|value| value.to_string())))
}

/// Uses the expressions and takes what they cost from the fuel of the present call.
///
/// # Errors
/// The call has less fuel.
fn paid<'s, T: Send + 'static>(
    mut store: StoreContextMut<'s, Guest>,
    work: impl FnOnce(&Expressions<'_>) -> Result<T, ExpressionError> + Send + 'static,
) -> impl Future<Output = wasmtime::Result<Result<T, String>>> + Send + 's {
    let guest = store.data();
    let (evaluations, guild) = (guest.evaluations.clone(), guest.identity.guild_id.clone());
    async move {
        let priced = move |expressions: &Expressions<'_>| (work(expressions), expressions.cost());
        let done = evaluations.run(&guild, MAX_EACH, priced).await;
        let (result, cost) = done.unwrap_or_else(|error| (Err(error), Cost::default()));
        store.data().control.add_cpu(cost.cpu);
        let left = store.get_fuel()?;
        store.set_fuel(left.saturating_sub(cost.fuel))?;
        if cost.fuel > left {
            return Err(Trap::OutOfFuel.into());
        }
        Ok(result.map_err(|error| error.to_string()))
    }
}

const fn language_of(language: GuestLanguage) -> Language {
    match language {
        GuestLanguage::Jsonata => Language::Jsonata,
        GuestLanguage::Cel => Language::Cel,
    }
}
