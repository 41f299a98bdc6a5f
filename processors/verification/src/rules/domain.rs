//! The field of work that a statement belongs to, by its words.

use crate::rules::sentence::Word;
use sessionmill_contract::Domain;

/// The domain whose words stand most often in a quote, where they count double, and in what it answers; of
/// equals the one whose word comes first in the quote, else the first in the list of domains. Nothing
/// for a statement without any such word.
pub(super) fn domain_of(quote: &[Word], statement: &[Word]) -> Option<Domain> {
    let score = |domain: Domain| {
        let weight = |word: &Word| if is_common(&word.lower) { 1 } else { 2 };
        let terms = |words: &[Word]| words.iter().filter(|word| is_of(domain, &word.lower)).map(weight).sum::<usize>();
        2 * terms(quote) + terms(statement)
    };
    let first = |domain: Domain| quote.iter().position(|word| is_of(domain, &word.lower)).unwrap_or(usize::MAX);
    let best = Domain::ALL
        .into_iter()
        .enumerate()
        .max_by_key(|(order, domain)| (score(*domain), std::cmp::Reverse(first(*domain)), std::cmp::Reverse(*order)));
    best.map(|(_, domain)| domain).filter(|domain| score(*domain) > 0)
}

/// Whether a word is of one field, and at home in all: it counts half.
fn is_common(word: &str) -> bool {
    const COMMON: [&str; 26] = [
        "customer",
        "user",
        "account",
        "order",
        "table",
        "row",
        "column",
        "service",
        "event",
        "report",
        "plan",
        "net",
        "gross",
        "record",
        "request",
        "version",
        "role",
        "production",
        "kunde",
        "cliente",
        "commande",
        "client",
        "pedido",
        "bericht",
        "support",
        "contract",
    ];
    COMMON.contains(&word.strip_suffix('s').unwrap_or(word))
}

/// Whether a word belongs to the vocabulary of a field.
pub(super) fn is_term(word: &str) -> bool {
    Domain::ALL.into_iter().any(|domain| is_of(domain, word))
}

/// A word belongs to a term if it is that term, or a long one with an ending.
fn is_of(domain: Domain, word: &str) -> bool {
    const ENDING: usize = 3;
    const LONG: usize = 5;
    vocabulary(domain).split_ascii_whitespace().any(|term| {
        word.strip_prefix(term).is_some_and(|ending| {
            let long = term.chars().count() >= LONG && ending.chars().count() <= ENDING;
            long || ending.is_empty() || matches!(ending, "s" | "'s" | "n" | "en" | "e")
        })
    })
}

fn vocabulary(domain: Domain) -> &'static str {
    match domain {
        Domain::Finance => {
            "revenue arr mrr nrr grr gmv cogs ebitda ebit margin profit invoice invoicing billing billed bill payment paid \
             payout payroll refund tax vat discount price pricing currency dollar euro cents fiscal budget booking \
             bookings ledger accrual accounting cost costs expense receivable payable dso dpo cash charge chargeback \
             settlement bank capex opex amortis amortiz depreciat audit auditor gross net salary salaries p&l fx \
             exchange iban sepa credit debit instalment installment quarter ltv cac aov arpu subscription recognise \
             recognize deferred reserve interest loan retail \
             sale sales premium insured commission liability asset equity shareholder dividend fund portfolio treasury controlling \
             balance procurement-cost overhead payslip depreciation surcharge fee fees wage contract-value bruttolohn \
             verkauf ventas vendas ventes umsatz rechnung rechnungen storno mahnung rabatt mehrwertsteuer ust steuer deckungsbeitrag skonto zahlung kosten \
             gewinn marge netto brutto preis buchung buchhaltung fracht erlös gutschrift \
             iva factura facturan facturación ingresos impuesto descuento margen precio cierre contable pago coste \
             tva facture chiffre encaissement taxe prix remise paiement coût recettes hors taxes bénéfice \
             receita fatura imposto desconto preço pagamento custo lucro"
        }
        Domain::Engineering => {
            "api endpoint webhook idempotent idempotency retry retries worker queue service services microservice auth \
             authentication authorization token permission role secret signature signed encryption encrypted schema \
             sdk client server request rate-limit throttle limit timeout cache cached cursor pagination feature-flag flag \
             flags transaction lock concurrency thread mutex event events deduplicat protocol grpc graphql rest version \
             deprecated backward library session-id uuid hash tenant multi-tenant codebase monolith module backend \
             frontend schnittstelle dienst servicio servicios"
        }
        Domain::Product => {
            "customer customers user users plan plans trial trials seat seats workspace onboarding churn churned retention \
             activation conversion funnel signup sign-up sign-ups lead leads mau dau wau nps detractor promoter survey \
             account accounts persona feature roadmap tier free-tier pro freemium upgrade downgrade engagement campaign marketing segment \
             kunde kunden bestandskunde neukunde nutzer abo kündigung bestellung bestellungen tarif \
             cliente clientes usuario usuarios suscripción pedido pedidos compra compró \
             client-actif abonnement utilisateur utilisateurs commande commandes chantier \
             usuário usuários plano assinatura devolução"
        }
        Domain::Data => {
            "table tables column columns row rows warehouse etl elt dataset dashboard metric metrics cohort cohorts join \
             primary-key foreign-key partition snapshot pipeline ingest ingestion dbt bigquery snowflake redshift databricks \
             lake lakehouse parquet schema null query sql dimension report reports aggregat raw timestamp utc record \
             records kpi analytics golden mart fact_ dim_ tabelle spalte zeile bericht tabla columna informe \
             tableau colonne rapport tabela coluna relatório"
        }
        Domain::Operations => {
            "sla slo incident incidents outage on-call oncall pager severity sev p0 p1 p2 p3 post-mortem postmortem \
             runbook escalation escalated ticket tickets support shipment shipments shipping carrier dock parcel pallet \
             inventory stock fulfilment fulfillment delivery delivered order orders warehouse-order sku lot supplier \
             procurement shift handover maintenance acknowledged p95 p99 latency lead-time otif cut-off utilisation \
             utilization billable vendor tier-0 tier-1 logistics returns tour depot gdpr deletion compliance legal \
             checkout patient ward bed beds warranty claim-handling employee contractor vacation holiday site hub route \
             truck driver duty approval approver policy leave warranty urlaub resturlaub garantie garantía garantia gewährleistung lager lagerbestand lagerbestände lieferung lieferant versand schicht artikel bestand \
             almacén envío inventario merma existencias entrega \
             livraison fournisseur expédition sécurité entrepôt estoque prazo fornecedor"
        }
        Domain::Infrastructure => {
            "cluster kubernetes k8s pod pods node deploy deploys deployed deployment jenkins argo terraform helm docker \
             container region aws gcp azure s3 bucket vpc subnet dns cdn edge load-balancer proxy nginx kafka nats rabbitmq \
             redis postgres replica primary failover backup backups restore disaster recovery staging production prod \
             vm hardware cron scheduler scheduled retention-period broker topic certificate tls vpn firewall \
             rollback blue/green canary ci cd datacenter rechenzentrum servidor serveur \
             sauvegarde respaldo"
        }
    }
}
