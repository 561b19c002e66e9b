//! Authorities and certificates of a test's own.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

/// When a certificate is valid: years from and to.
pub(crate) const VALID: (i32, i32) = (2020, 2090);
pub(crate) const EXPIRED: (i32, i32) = (2019, 2020);
pub(crate) const NOT_YET: (i32, i32) = (2090, 2091);

fn params(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name, VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Issues a certificate for a server.
    pub(crate) fn server(&self, names: &[&str], years: (i32, i32)) -> Identity {
        let mut params = params(names.first().unwrap(), years);
        params.subject_alt_names = names.iter().map(|name| name_of(name)).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params)
    }

    /// Issues a certificate for a client.
    pub(crate) fn client(&self, name: &str, years: (i32, i32)) -> Identity {
        let mut params = params(name, years);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&params)
    }

    fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity::new(&certificate, &key)
    }
}

fn name_of(name: &str) -> rcgen::SanType {
    match name.parse() {
        Ok(address) => rcgen::SanType::IpAddress(address),
        Err(_) => rcgen::SanType::DnsName(name.try_into().unwrap()),
    }
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// Makes a server's certificate that it signed itself and that says it is an authority, as simple tools make them.
    pub(crate) fn self_signed(names: &[&str]) -> Self {
        let mut params = params(names.first().unwrap(), VALID);
        params.subject_alt_names = names.iter().map(|name| name_of(name)).collect();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self::new(&params.self_signed(&key).unwrap(), &key)
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.clone()).unwrap()
    }
}
