//! Counters whose values other modules keep. They are read when the metrics are read.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Metric, MetricFamily, MetricType};

/// A counter that is read from elsewhere. Its value never gets smaller.
pub struct PulledCounter<F> {
    desc: Desc,
    read: F,
}

impl<F: Fn() -> f64> PulledCounter<F> {
    /// Makes a counter without labels.
    ///
    /// # Errors
    /// The name is not valid.
    pub fn new(name: &str, help: &str, read: F) -> prometheus::Result<Self> {
        let desc = Desc::new(name.to_owned(), help.to_owned(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, read })
    }
}

impl<F: Fn() -> f64 + Send + Sync> Collector for PulledCounter<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut counter = Counter::default();
        counter.set_value((self.read)());
        let mut metric = Metric::default();
        metric.set_counter(counter);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
