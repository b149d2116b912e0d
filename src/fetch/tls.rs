//! Whom TLS connections trust.
//!
//! Builds our own configuration, because the HTTP library's own would fail on a machine without certificates,
//! even for a crawl that needs none. Does not know requests.
//!
//! The system's certificates are loaded for the first handshake and not before: that takes five milliseconds, and many
//! a worker never meets a TLS server.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use thiserror::Error;
use webpki::EndEntityCert;

use crate::fetch::FetchOptions;

/// Why the certificates to trust can not be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The text is not PEM.
    #[error("certificate {place} is not PEM")]
    BadPem {
        /// Which of the certificates, counted from one.
        place: usize,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The PEM holds no certificate that can be trusted.
    #[error("certificate {place} can not be trusted")]
    BadCertificate {
        /// Which of the certificates, counted from one.
        place: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// There is not one certificate in the PEM.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The TLS library refused its own defaults.
    #[error("no TLS version is left to speak")]
    NoVersion(#[source] rustls::Error),
}

/// The TLS configuration of every connection of a run.
pub(super) fn client_config(options: &FetchOptions) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::NoVersion)?;
    let mut config = if options.insecure {
        let verifier = Arc::new(AcceptAll { provider });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    } else if let Some(pem) = options.ca_certificates.as_deref() {
        let (roots, given) = given_roots(pem)?;
        let loaded = verifier(Arc::new(roots), &provider).into();
        let verifier = Arc::new(LazyVerifier { provider, loaded, given });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    } else {
        let verifier = Arc::new(LazyVerifier { provider, loaded: OnceLock::new(), given: Vec::new() });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    if options.http1_only {
        offer_http1_only(&mut config);
    } else {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(config)
}

/// Speaks no HTTP/2.
pub(super) fn offer_http1_only(config: &mut ClientConfig) {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
}

/// The system's certificates; those that this program carries where there are none.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A system store may hold certificates that can not be parsed; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The given certificates and no others: as those who may vouch for a server, and as they are.
fn given_roots(pem: &[u8]) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let (mut roots, mut given) = (RootCertStore::empty(), Vec::new());
    for (idx, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let place = idx + 1;
        let certificate = certificate.map_err(|source| TlsError::BadPem { place, source })?;
        given.push(certificate.clone());
        roots.add(certificate).map_err(|source| TlsError::BadCertificate { place, source })?;
    }
    if given.is_empty() { Err(TlsError::NoCertificate) } else { Ok((roots, given)) }
}

fn verifier(roots: Arc<RootCertStore>, provider: &Arc<CryptoProvider>) -> Arc<WebPkiServerVerifier> {
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .expect("there is always someone to trust")
}

/// A certificate that vouches for itself, and that nobody else is trusted to vouch for. To the TLS library it is one of
/// an unknown issuer, or of an authority in the place of a server's; for whoever looks for the reason it is another
/// thing.
#[derive(Debug, Error)]
#[error("the certificate is self-signed")]
pub(super) struct SelfSigned;

/// Whether a server is refused for nothing but that its certificate is one of an authority. That is what the usual
/// self-signed certificate is. The library looks at what a certificate is for when it has found it to be of this time.
fn is_of_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(error))) = error else {
        return false;
    };
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Says of a certificate whose issuer is unknown whether that is itself.
fn named(error: rustls::Error, certificate: &CertificateDer<'_>) -> rustls::Error {
    let is_self_signed = || {
        let parsed = EndEntityCert::try_from(certificate);
        parsed.is_ok_and(|certificate| certificate.issuer() == certificate.subject())
    };
    let is_unknown = matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
    if (is_unknown || is_of_authority(&error)) && is_self_signed() {
        return CertificateError::Other(OtherError(Arc::new(SelfSigned))).into();
    }
    error
}

/// Verifies as usual, with certificates that are given, or else with those of the system, which it loads when it is
/// first asked.
#[derive(Debug)]
struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    loaded: OnceLock<Arc<WebPkiServerVerifier>>,
    /// The certificates that are given: a server that shows one of them is trusted, whatever it is for.
    given: Vec<CertificateDer<'static>>,
}

impl LazyVerifier {
    fn loaded(&self) -> &WebPkiServerVerifier {
        self.loaded.get_or_init(|| verifier(Arc::new(system_roots()), &self.provider))
    }
}

impl ServerCertVerifier for LazyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.loaded().verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(error) if is_of_authority(&error) && self.given.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified.map_err(|error| named(error, end_entity)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.loaded().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.loaded().verify_tls13_signature(message, certificate, signature)
    }

    /// Asked for every greeting; the same for any certificates.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts every certificate, for `--insecure`.
#[derive(Debug)]
struct AcceptAll {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_someone_to_trust() {
        assert!(!system_roots().is_empty());
    }

    #[test]
    fn bad_certificates_are_told_by_their_place() {
        let refused = |pem: &[u8]| given_roots(pem).unwrap_err().to_string();
        assert_eq!(refused(b""), "there is no certificate in it");
        assert_eq!(refused(b"not a certificate at all"), "there is no certificate in it");
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert_eq!(refused(cut), "certificate 1 is not PEM");
        let rubbish = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(rubbish), "certificate 1 can not be trusted");
    }
}
