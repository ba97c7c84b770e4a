"""The nine kinds of documents and their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lastgood.documents.automatic_rollback_triggers import AutomaticRollbackTriggersDocument
from lastgood.documents.backup_automation import BackupAutomationDocument
from lastgood.documents.business_continuity import BusinessContinuityDocument
from lastgood.documents.data_consistency import DataConsistencyDocument
from lastgood.documents.data_replication import DataReplicationDocument
from lastgood.documents.fields import Strict
from lastgood.documents.options import OptionModels
from lastgood.documents.recovery_procedures import RecoveryProceduresDocument
from lastgood.documents.rollback_detection import RollbackDetectionDocument
from lastgood.documents.system import system_document
from lastgood.documents.version_management import VersionManagementDocument

FILES: Final[Mapping[str, str]] = {
    "system": "system.yml",
    "rollback/detection": "rollback-detection.yml",
    "automatic/rollback/triggers": "automatic-rollback-triggers.yml",
    "version/management": "version-management.yml",
    "data/consistency": "data-consistency.yml",
    "backup/automation": "backup-automation.yml",
    "data/replication": "data-replication.yml",
    "recovery/procedures": "recovery-procedures.yml",
    "business/continuity": "business-continuity.yml",
}
"""Kind -> file name, in the order in which people read them."""


def models(options: OptionModels) -> Mapping[str, type[Strict]]:
    """Kind -> model, in the order of FILES."""
    return {
        "system": system_document(options),
        "rollback/detection": RollbackDetectionDocument,
        "automatic/rollback/triggers": AutomaticRollbackTriggersDocument,
        "version/management": VersionManagementDocument,
        "data/consistency": DataConsistencyDocument,
        "backup/automation": BackupAutomationDocument,
        "data/replication": DataReplicationDocument,
        "recovery/procedures": RecoveryProceduresDocument,
        "business/continuity": BusinessContinuityDocument,
    }
