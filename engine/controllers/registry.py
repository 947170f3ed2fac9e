"""All controllers by name, in the order in which they start."""

from engine.controllers.controller import ControllerFactory
from engine.controllers.deployment.controller import DeploymentController
from engine.controllers.replicaset import ReplicaSetController

CONTROLLERS: dict[str, ControllerFactory] = {
    "deployment-controller": DeploymentController,
    "replicaset-controller": ReplicaSetController,
}
"""The name is the actor: writes are made as ``system:serviceaccount:kube-system:NAME``."""
