# Prints the numbers that worker/src/cnn/optimizer/tests.rs and schedule.rs expect (PyTorch 2.15).
import torch
G=[[.5,-1,.25],[-.3,.2,.1],[.7,.4,-.6]]
def run(name, make):
    w=torch.tensor([1.,-2.],dtype=torch.float64,requires_grad=True); b=torch.tensor([.5],dtype=torch.float64,requires_grad=True)
    o=make([{"params":[w],"weight_decay":.1},{"params":[b],"weight_decay":0.}])
    for g in G:
        w.grad=torch.tensor(g[:2],dtype=torch.float64); b.grad=torch.tensor(g[2:],dtype=torch.float64); o.step()
    print(name, [round(x,9) for x in w.tolist()+b.tolist()])
T=torch.optim
run("sgd",lambda p:T.SGD(p,lr=.1,momentum=.9))
run("nesterov",lambda p:T.SGD(p,lr=.1,momentum=.9,nesterov=True))
run("rmsprop",lambda p:T.RMSprop(p,lr=.1,alpha=.99,eps=1e-8))
run("adagrad",lambda p:T.Adagrad(p,lr=.1,eps=1e-8))
run("adam",lambda p:T.Adam(p,lr=.1))
run("adamw",lambda p:T.AdamW(p,lr=.1))
s=T.lr_scheduler.OneCycleLR(T.SGD([torch.zeros(1)],lr=1.,momentum=.9),max_lr=1.,total_steps=100,cycle_momentum=False)
l=[]
for i in range(100): l.append(s.get_last_lr()[0]); s.optimizer.step(); (s.step() if i<99 else None)
print([l[i] for i in (0,15,29,64,99)])
