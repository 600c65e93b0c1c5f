//! An agent that greets the sender of each text message.

use guildhall_sdk::prelude::*;

#[message("text")]
pub struct Text {
    pub text: String,
}

pub struct Greeter;

impl Agent for Greeter {
    const CLASS_NAME: &'static str = "example.Greeter";
    const NAME: &'static str = "Greeter";
    const SUMMARY: &'static str = "Greets the sender of a message";
    type Properties = NoProperties;

    fn new(_: NoProperties) -> Result<Self, String> {
        Ok(Greeter)
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.message(|_, ctx, message: Text| {
            let name = ctx.message().sender.name.as_deref().unwrap_or("stranger");
            Ok(ctx.reply(&Text { text: format!("Hello {name}, you said: {}", message.text) })?)
        });
    }
}

export_agent!(Greeter);
