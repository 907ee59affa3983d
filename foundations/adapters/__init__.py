"""The technologies: one package each, keeping the promises of ``foundations.ports`` and knowing nothing else."""
