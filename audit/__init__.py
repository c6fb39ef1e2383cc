"""What the images are made of: an SBOM for each, the licences, and the known vulnerabilities. `make audit` runs it."""
